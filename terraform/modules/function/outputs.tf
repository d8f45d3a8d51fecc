output "service" {
  description = "Its name at Cloud Run, by which logs and metrics know it."
  value       = local.service
}

output "account" {
  description = "Email of the account that it runs as."
  value       = google_service_account.function.email
}

output "bundle" {
  description = "Name of its code's object in the bucket."
  value       = google_storage_bucket_object.bundle.name
}

output "callers" {
  description = "Who may call it."
  value       = toset([for one in google_cloud_run_v2_service_iam_member.invoker : one.member])
}

output "schedule" {
  description = "When Cloud Scheduler calls it, and for which audience; null with another trigger."
  value = one([
    for job in google_cloud_scheduler_job.schedule :
    { schedule = job.schedule, audience = job.http_target[0].oidc_token[0].audience }
  ])
}
