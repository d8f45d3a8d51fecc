output "project" {
  description = "The project."
  value       = var.project
}

output "region" {
  description = "The region."
  value       = var.region
}

output "deployment" {
  description = "The deployment's name."
  value       = var.deployment
}

output "database" {
  description = "The Firestore database."
  value       = google_firestore_database.documents.name
}

output "function_urls" {
  description = "Where each function of functions.yaml is called."
  value       = local.urls
}

output "public_url" {
  description = "Where users reach the functions; \"{function}\" stands for a function's name."
  value       = local.settings.PUBLIC_URL
}

output "redirect_uri" {
  description = "To be entered as redirect URI at each provider, where our OAuth client is registered."
  value = (
    strcontains(local.settings.PUBLIC_URL, "{function}")
    ? replace(local.settings.PUBLIC_URL, "{function}", "oauth_callback")
    : "${local.settings.PUBLIC_URL}/oauth_callback"
  )
}

output "queues" {
  description = "The queues of functions.yaml, by their names at Cloud Tasks."
  value       = { for name, queue in google_cloud_tasks_queue.queue : name => queue.name }
}

output "invokers" {
  description = "The service account that each queue's tasks are called as, by the queue's name in functions.yaml."
  value       = { for name, account in google_service_account.invoker : name => account.email }
}

output "services" {
  description = "The functions' names at Cloud Run, by which logs and metrics know them."
  value       = { for name, one in module.function : name => one.service }
}

output "accounts" {
  description = "The service account that each function runs as."
  value       = { for name, one in module.function : name => one.account }
}

output "client_secrets" {
  description = "Secrets to be filled out of band, by the setting that reads each: gcloud secrets versions add ID --data-file=-"
  value       = { for name, secret in google_secret_manager_secret.client : name => secret.secret_id }
}

output "settings" {
  description = "Which settings each function gets, secrets by name only."
  value       = { for name, one in local.functions : name => sort(concat(keys(local.environments[name]), tolist(one.secrets))) }
}

output "bundles_bucket" {
  description = "Where the bundles are."
  value       = google_storage_bucket.bundles.name
}

output "budget_command" {
  description = "Makes the budget of the variable `budget`; \"\" without one. It tells when costs pass half and all of it, and stops nothing."
  value = var.budget == null ? "" : join(" ", [
    "gcloud billing budgets create",
    "--billing-account=${var.budget.billing_account}",
    "--display-name='Mailbridge (${var.deployment})'",
    "--budget-amount=${var.budget.monthly}${var.budget.currency}",
    "--filter-projects=projects/${var.project}",
    "--threshold-rule=percent=0.5",
    "--threshold-rule=percent=1",
    "--threshold-rule=percent=1,basis=forecasted-spend",
  ])
}
