terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.14"
    }
  }
}

variable "bucket" {
  type        = string
  description = "S3 bucket that the functions were packaged into"
}

variable "topic" {
  type        = string
  description = "ARN of the SNS topic that hears of failures"
}

locals {
  services = ["basket", "catalogue", "customers", "invoices", "orders", "payments", "returns", "search", "stock", "tax"]
  stages   = ["dev", "test", "stage", "prod"]

  # 40 secrets, such as prod/orders; those of a stage share the hours of its night.
  secrets = {
    for pair in setproduct(local.stages, local.services) : join("/", pair) => {
      engine = pair[1] == "search" ? "mongo" : "postgres"
      hour   = index(local.services, pair[1]) % 6
    }
  }
}

module "functions" {
  source   = "./functions"
  template = "packaged.yaml"
  bucket   = var.bucket
  parameters = {
    AdminSecretArns = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:admins/*"
  }
}

module "secrets" {
  source    = "./secrets"
  functions = module.functions.functions
  secrets   = local.secrets
  topic     = var.topic
}
