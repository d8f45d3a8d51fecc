# Cloud Tasks. The rates fit the providers' limits; functions.yaml says why.

locals {
  queue_names = { for name, _ in local.map.queues : name => "${var.deployment}-${name}" }
}

resource "google_cloud_tasks_queue" "queue" {
  for_each = local.map.queues

  name     = local.queue_names[each.key]
  project  = var.project
  location = var.region

  rate_limits {
    max_dispatches_per_second = each.value.dispatches_per_second
    max_concurrent_dispatches = each.value.concurrent
  }

  retry_config {
    max_attempts  = each.value.max_attempts
    min_backoff   = "${each.value.min_backoff}s"
    max_backoff   = "${each.value.max_backoff}s"
    max_doublings = 6
  }

  depends_on = [google_project_service.api]
}
