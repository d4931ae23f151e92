from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct


class RotatedSecret(Construct):
    """A schedule on which a function of the stack `secret-rotation` rotates a secret."""

    def __init__(self, scope, name, *, secret_arn, function_arn):
        super().__init__(scope, name)
        rules = secretsmanager.CfnRotationSchedule.RotationRulesProperty(
            schedule_expression="cron(0 3 ? * SUN *)", duration="3h"
        )
        secretsmanager.CfnRotationSchedule(
            self,
            "Schedule",
            secret_id=secret_arn,
            rotation_lambda_arn=function_arn,
            rotate_immediately_on_update=False,
            rotation_rules=rules,
        )
