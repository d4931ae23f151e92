# Attaches a function to each secret, and tells a topic where a rotation fails.

variable "functions" {
  type        = map(string)
  description = "ARN of the function of each engine"
}

variable "secrets" {
  type        = map(object({ engine = string, hour = optional(number, 3) }))
  description = "Engine of each secret, and the hour (UTC) of its Sunday in which it may rotate, by the secret's name"
}

variable "topic" {
  type        = string
  description = "ARN of the SNS topic to tell"
}

data "aws_secretsmanager_secret" "each" {
  for_each = var.secrets
  name     = each.key
}

resource "aws_secretsmanager_secret_rotation" "each" {
  for_each            = var.secrets
  secret_id           = data.aws_secretsmanager_secret.each[each.key].arn
  rotation_lambda_arn = var.functions[each.value.engine]
  rotate_immediately  = false

  rotation_rules {
    schedule_expression = "cron(0 ${each.value.hour} ? * SUN *)"
    duration            = "1h"
  }
}

resource "aws_cloudwatch_metric_alarm" "failed" {
  for_each            = toset([for secret in var.secrets : secret.engine])
  alarm_name          = "secret-rotation-${each.key}-failed"
  alarm_description   = "A rotation step failed; the function's log says why and what to do"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = reverse(split(":", var.functions[each.key]))[0] }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.topic]
}
