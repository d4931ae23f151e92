# The functions' stack, of the file that `sam package --s3-bucket BUCKET --output-template-file packaged.yaml` writes.

variable "template" {
  type        = string
  description = "Path of packaged.yaml"
}

variable "bucket" {
  type        = string
  description = "S3 bucket of this Region, the one that the functions were packaged into"
}

variable "parameters" {
  type        = map(string)
  description = "Parameters of the stack, such as SubnetIds"
  default     = {}
}

# CloudFormation takes 51,200 bytes as they are, and a larger template from S3.
resource "aws_s3_object" "template" {
  bucket = var.bucket
  key    = "secret-rotation/${filemd5(var.template)}.yaml"
  source = var.template
}

data "aws_s3_bucket" "packages" {
  bucket = var.bucket
}

resource "aws_cloudformation_stack" "functions" {
  name         = "secret-rotation"
  template_url = "https://${data.aws_s3_bucket.packages.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  parameters   = var.parameters
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
}

output "functions" {
  description = "ARN of each function, by the engine that a secret names"
  value = {
    postgres = aws_cloudformation_stack.functions.outputs["PostgresqlFunctionArn"]
    mysql    = aws_cloudformation_stack.functions.outputs["MysqlFunctionArn"]
    mariadb  = aws_cloudformation_stack.functions.outputs["MysqlFunctionArn"]
    mongo    = aws_cloudformation_stack.functions.outputs["DocumentdbFunctionArn"]
    redshift = aws_cloudformation_stack.functions.outputs["RedshiftFunctionArn"]
  }
}
