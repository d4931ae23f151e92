"""What CloudWatch makes of what the functions write: metrics, statistics, expressions, alarms, a dashboard."""
