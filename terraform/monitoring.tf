# What the functions log, as metrics; and who is told when something is wrong.

locals {
  # Lines of shared/logs.py, by their message; "request" is one line a request.
  logged = {
    sync_lag     = { messages = ["syncs dispatched"], value = "lag_seconds", labels = [], unit = "s", title = "How late the most overdue mailbox is" }
    emails_sent  = { messages = ["email sent"], value = null, labels = [], unit = "1", title = "Emails sent" }
    emails_lost  = { messages = ["email failed", "email unknown"], value = null, labels = ["reason"], unit = "1", title = "Emails that failed, or nobody knows" }
    reconnects   = { messages = ["mailbox needs its user"], value = null, labels = ["state", "reason"], unit = "1", title = "Mailboxes that need their user" }
    destinations = { messages = ["destination disabled"], value = null, labels = ["reason"], unit = "1", title = "Destinations that were disabled" }
    quota_units  = { messages = ["request"], value = "quota_units", labels = ["function"], unit = "1", title = "Quota units spent at the providers" }
    store_reads  = { messages = ["request"], value = "store_reads", labels = ["function"], unit = "1", title = "Documents read" }
    store_writes = { messages = ["request"], value = "store_writes", labels = ["function"], unit = "1", title = "Documents written" }
  }

  services_of_functions = [for name, _ in local.map.functions : replace("${local.prefix}${name}", "_", "-")]
  quoted_services       = join(", ", formatlist("\"%s\"", local.services_of_functions))
  quoted_queues         = join(", ", formatlist("\"%s\"", values(local.queue_names)))

  # Filters of Monitoring, as alerts and the dashboard use them.
  of_functions = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = one_of(${local.quoted_services})"
  of_queues    = "resource.type = \"cloud_tasks_queue\" AND resource.labels.queue_id = one_of(${local.quoted_queues})"
  filters = merge(
    { for name, metric in google_logging_metric.logged : name => "metric.type = \"logging.googleapis.com/user/${metric.name}\" AND resource.type = \"cloud_run_revision\"" },
    {
      server_errors = "metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"5xx\" AND ${local.of_functions}"
      requests      = "metric.type = \"run.googleapis.com/request_count\" AND ${local.of_functions}"
      latencies     = "metric.type = \"run.googleapis.com/request_latencies\" AND ${local.of_functions}"
      instances     = "metric.type = \"run.googleapis.com/container/instance_count\" AND ${local.of_functions}"
      queue_depth   = "metric.type = \"cloudtasks.googleapis.com/queue/depth\" AND ${local.of_queues}"
      task_delays   = "metric.type = \"cloudtasks.googleapis.com/queue/task_attempt_delays\" AND ${local.of_queues}"
    },
  )
}

resource "google_logging_metric" "logged" {
  for_each = local.logged

  project     = var.project
  name        = "${var.deployment}/${each.key}"
  description = each.value.title
  filter = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=(${join(" OR ", formatlist("\"%s\"", local.services_of_functions))})",
    "jsonPayload.message=(${join(" OR ", formatlist("\"%s\"", each.value.messages))})",
  ])

  value_extractor  = each.value.value == null ? null : "EXTRACT(jsonPayload.${each.value.value})"
  label_extractors = { for label in each.value.labels : label => "EXTRACT(jsonPayload.${label})" }

  metric_descriptor {
    display_name = each.value.title
    metric_kind  = "DELTA"
    value_type   = each.value.value == null ? "INT64" : "DISTRIBUTION"
    unit         = each.value.unit

    dynamic "labels" {
      for_each = each.value.labels
      content {
        key        = labels.value
        value_type = "STRING"
      }
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_emails

  project      = var.project
  display_name = "Mailbridge (${var.deployment}): ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "alert" {
  for_each = local.alerts

  project               = var.project
  display_name          = "Mailbridge (${var.deployment}): ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]
  user_labels           = { deployment = var.deployment, alert = each.key }

  conditions {
    display_name = each.value.title

    dynamic "condition_threshold" {
      for_each = each.value.above == null ? [] : [each.value]
      content {
        filter          = local.filters[condition_threshold.value.filter]
        comparison      = "COMPARISON_GT"
        threshold_value = condition_threshold.value.above
        duration        = condition_threshold.value.lasting
        aggregations {
          alignment_period     = condition_threshold.value.period
          per_series_aligner   = condition_threshold.value.aligner
          cross_series_reducer = condition_threshold.value.reducer
          group_by_fields      = condition_threshold.value.by
        }
      }
    }

    dynamic "condition_absent" {
      for_each = each.value.above == null ? [each.value] : []
      content {
        filter   = local.filters[condition_absent.value.filter]
        duration = condition_absent.value.lasting
        aggregations {
          alignment_period     = condition_absent.value.period
          per_series_aligner   = condition_absent.value.aligner
          cross_series_reducer = condition_absent.value.reducer
        }
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "Mailbridge (${var.deployment}): ${each.value.title}"
    content   = "${each.value.runbook}\n\nMore: `make status` and `make logs`, and terraform/README.md."
  }

  alert_strategy {
    auto_close = "86400s"
  }

  # A new metric is known to Monitoring only after some seconds; making the functions takes minutes.
  depends_on = [module.function]
}
