# One page for whoever is on call.

locals {
  charts = [
    { title = "How late the most overdue mailbox is (s)", filter = "sync_lag", aligner = "ALIGN_PERCENTILE_99", reducer = "REDUCE_MAX", by = [] },
    { title = "Tasks that wait, by queue", filter = "queue_depth", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.label.queue_id"] },
    { title = "Tasks' delay, 99 % (ms), by queue", filter = "task_delays", aligner = "ALIGN_PERCENTILE_99", reducer = "REDUCE_MAX", by = ["resource.label.queue_id"] },
    { title = "Emails sent", filter = "emails_sent", aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = [] },
    { title = "Emails that failed, by reason", filter = "emails_lost", aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.label.reason"] },
    { title = "Mailboxes that need their user, by reason", filter = "reconnects", aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.label.reason"] },
    { title = "Requests a second, by function", filter = "requests", aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = ["resource.label.service_name"] },
    { title = "Answers with 5xx, by function", filter = "server_errors", aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["resource.label.service_name"] },
    { title = "Latency, 95 % (ms), by function", filter = "latencies", aligner = "ALIGN_PERCENTILE_95", reducer = "REDUCE_MAX", by = ["resource.label.service_name"] },
    { title = "Instances, by function", filter = "instances", aligner = "ALIGN_MAX", reducer = "REDUCE_SUM", by = ["resource.label.service_name"] },
    { title = "Quota units of one request, 95 %", filter = "quota_units", aligner = "ALIGN_PERCENTILE_95", reducer = "REDUCE_MAX", by = ["metric.label.function"] },
    { title = "Documents written by one request, 95 %", filter = "store_writes", aligner = "ALIGN_PERCENTILE_95", reducer = "REDUCE_MAX", by = ["metric.label.function"] },
  ]
}

resource "google_monitoring_dashboard" "overview" {
  project = var.project

  dashboard_json = jsonencode({
    displayName = "Mailbridge (${var.deployment})"
    mosaicLayout = {
      columns = 12
      tiles = [
        for index, chart in local.charts : {
          xPos   = (index % 3) * 4
          yPos   = floor(index / 3) * 4
          width  = 4
          height = 4
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter = local.filters[chart.filter]
                    aggregation = {
                      alignmentPeriod    = "300s"
                      perSeriesAligner   = chart.aligner
                      crossSeriesReducer = chart.reducer
                      groupByFields      = chart.by
                    }
                  }
                }
              }]
            }
          }
        }
      ]
    }
  })

  depends_on = [google_project_service.api]
}
