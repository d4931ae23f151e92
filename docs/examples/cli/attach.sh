#!/bin/sh
# Stores a secret, attaches a function to it, looks at the dry run, and rotates once. It stops where something fails.
#
#   sh attach.sh NAME FUNCTION_ARN < secret.json
#
# The JSON comes from standard input: whoever lists the machine's processes sees what is on a command line.
set -eu
name="$1" function="$2"
log="/aws/lambda/${function##*:}"

told() { # told FIELD TEXT: this secret's messages in the function's log since the last RotateSecret, by a field
  aws logs filter-log-events --log-group-name "$log" --start-time "$since" --filter-pattern "{ \$.$1 = \"$2\" }" \
    --query "events[?contains(message, '$arn')].message" --output text
}

labels() { # labels EXPRESSION: "yes" where it holds for the labels of the last RotateSecret's version, v
  aws secretsmanager describe-secret --secret-id "$arn" --output text \
    --query "{v: VersionIdsToStages.\"$version\" || \`[]\`} | $1 && 'yes' || ''"
}

wait_for() { # wait_for COMMAND...: until it prints something, or the log has an error
  for _ in $(seq 60); do
    [ -z "$("$@")" ] || return 0
    error="$(told level ERROR)"
    [ -z "$error" ] || { echo "$error" >&2; exit 1; }
    sleep 1
  done
  echo "Nothing was heard of it in time. Does the function reach Secrets Manager? See docs/runbook.md" >&2
  exit 1
}

arn="$(aws secretsmanager create-secret --name "$name" --secret-string file:///dev/stdin --query ARN --output text)"
echo "Stored $arn"

since="$(date +%s)000"
version="$(aws secretsmanager rotate-secret --secret-id "$arn" --rotation-lambda-arn "$function" \
  --rotation-rules '{"ScheduleExpression": "cron(0 3 ? * SUN *)", "Duration": "3h"}' \
  --no-rotate-immediately --query VersionId --output text)"
wait_for told message "Dry run: nothing stands in the way of a rotation"
wait_for labels "!contains(v, 'AWSPENDING')"
echo "Attached; the dry run found nothing in the way of a rotation"

since="$(date +%s)000"
version="$(aws secretsmanager rotate-secret --secret-id "$arn" --query VersionId --output text)"
wait_for labels "contains(v, 'AWSCURRENT')"
echo "Rotated"
