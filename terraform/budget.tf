# A budget tells; it stops nothing.

resource "google_billing_budget" "project" {
  count = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = "Mailbridge (${var.deployment})"

  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
  }

  amount {
    specified_amount {
      currency_code = var.budget.currency
      units         = tostring(var.budget.monthly)
    }
  }

  threshold_rules {
    threshold_percent = 0.5
  }
  threshold_rules {
    threshold_percent = 1
  }
  threshold_rules {
    threshold_percent = 1
    spend_basis       = "FORECASTED_SPEND"
  }

  # Besides the billing account's administrators; five are the most that a budget takes.
  dynamic "all_updates_rule" {
    for_each = length(var.alert_emails) > 0 ? [true] : []
    content {
      monitoring_notification_channels = slice(
        [for channel in google_monitoring_notification_channel.email : channel.id], 0, min(5, length(var.alert_emails))
      )
    }
  }

  depends_on = [google_project_service.api]
}
