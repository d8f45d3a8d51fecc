# Who may call the function, and what the function may do. There is no other access: its account starts with none.

locals {
  caller = { http = "users", task = "Cloud Tasks", schedule = "Cloud Scheduler" }[var.trigger]
}

# Without `public` and without an invoker nobody may call it.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  count = var.public || var.trigger != "http" ? 1 : 0

  project  = var.project
  location = var.region
  name     = local.service
  role     = "roles/run.invoker"
  member   = var.public ? "allUsers" : "serviceAccount:${var.invoker}"

  # The service appears with the function, and a new one starts without any grants.
  depends_on = [google_cloudfunctions2_function.function]

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.function.id]
  }
}

resource "google_project_iam_member" "role" {
  for_each = var.roles

  project = var.project
  role    = each.value.role
  member  = google_service_account.function.member

  dynamic "condition" {
    for_each = each.value.condition == null ? [] : [each.value.condition]
    content {
      title      = each.value.title
      expression = condition.value
    }
  }
}

resource "google_secret_manager_secret_iam_member" "client" {
  for_each = var.secrets

  project   = var.project
  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function.member
}

resource "google_cloud_tasks_queue_iam_member" "enqueue" {
  for_each = var.enqueue == null ? {} : var.enqueue.queues

  project  = var.project
  location = var.region
  name     = each.value
  role     = var.enqueue.role
  member   = google_service_account.function.member
}

# Who makes a task that carries an account's token must be allowed to act as that account.
resource "google_service_account_iam_member" "name_invoker" {
  for_each = var.enqueue == null ? {} : var.enqueue.invokers

  service_account_id = each.value
  role               = var.enqueue.invoker_role
  member             = google_service_account.function.member
}
