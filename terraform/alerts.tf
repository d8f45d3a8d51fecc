# Each alert: from what on, and what to do then. Without `above` it is raised when nothing at all was seen.

locals {
  hour = { period = "3600s", lasting = "0s", aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM" }
  soon = { period = "300s", lasting = "300s", aligner = "ALIGN_PERCENTILE_99", reducer = "REDUCE_MAX" }

  alerts = {
    sync_lag = merge(local.soon, {
      title    = "mailboxes are synced late"
      severity = "WARNING"
      filter   = "sync_lag"
      above    = var.alerts.sync_lag_seconds
      by       = []
      runbook  = <<-TEXT
        The most overdue mailbox waits for longer than ${var.alerts.sync_lag_seconds} s; new mail comes late, none is lost.

        1. Does the queue `${local.queue_names.sync}` grow? Then its `concurrent` in functions.yaml, or the sync function's `max_instances`, is too low for this many mailboxes.
        2. Are there answers 429 or 503 in the logs of the sync function? Then a provider throttles; it passes, or ask for more quota.
        3. Is one mailbox alone late? `make status` names it; its state says what it waits for.
      TEXT
    })

    silence = {
      title    = "no syncs are dispatched"
      severity = "CRITICAL"
      filter   = "sync_lag"
      above    = null
      period   = "60s"
      lasting  = "${var.alerts.silence_seconds}s"
      aligner  = "ALIGN_PERCENTILE_50"
      reducer  = "REDUCE_MAX"
      by       = []
      runbook  = <<-TEXT
        For ${var.alerts.silence_seconds} s no line "syncs dispatched" was logged: no mailbox gets new mail.

        1. Is the Cloud Scheduler job paused, or does it fail? Its page in the console shows the last answer.
        2. 401 or 403: the account `${var.deployment}-scheduler` lost its right to call the function; `make deploy` restores it.
        3. 5xx: `make logs FUNCTION=dispatch_syncs SEVERITY=ERROR`.
      TEXT
    }

    emails_lost = merge(local.hour, {
      title    = "emails fail"
      severity = "ERROR"
      filter   = "emails_lost"
      above    = var.alerts.failed_emails
      by       = []
      runbook  = <<-TEXT
        More than ${var.alerts.failed_emails} emails failed within an hour. Their users see it, with the reason.

        1. `make logs FUNCTION=deliver_email` names the reasons. One mailbox only: its user's limits or rights.
        2. Many mailboxes of one provider: is our OAuth client blocked, or its secret expired? Rotating it: terraform/README.md.
        3. When it is mended, users send again what failed; what is `unknown` they look up among their sent mail first.
      TEXT
    })

    reconnects = merge(local.hour, {
      title    = "many mailboxes need their user"
      severity = "WARNING"
      filter   = "reconnects"
      above    = var.alerts.mailboxes_to_reconnect
      by       = []
      runbook  = <<-TEXT
        More than ${var.alerts.mailboxes_to_reconnect} mailboxes within an hour lost their consent and wait for their users.

        1. The metric's label `reason` says why. Different reasons, one team: probably its administrator changed a policy. Tell them.
        2. Every Google consent ends after 7 days while the app is in Testing: publish and verify it (terraform/README.md).
        3. Nothing to repair here: users reconnect, and syncs go on from where they stopped.
      TEXT
    })

    destinations = merge(local.hour, {
      title    = "a destination was disabled"
      severity = "WARNING"
      filter   = "destinations"
      above    = 0
      by       = []
      runbook  = <<-TEXT
        An endpoint that a team wants its events sent to was down for three days, or said that it is gone. Nothing is sent there any more.

        1. `make logs FUNCTION=relay_events SEVERITY=ERROR` names the destination and the reason. Tell the team's admins: GET /destinations/{id} shows them what it answered.
        2. When it is mended, they enable it again: what happened meanwhile is sent, as far as it is not older than 30 days.
        3. Many at once: can the function reach the internet at all?
      TEXT
    })

    server_errors = merge(local.hour, {
      title    = "functions answer with 5xx"
      severity = "ERROR"
      filter   = "server_errors"
      above    = var.alerts.server_errors
      by       = ["resource.label.service_name"]
      runbook  = <<-TEXT
        A function answered more than ${var.alerts.server_errors} requests within an hour with 5xx.

        1. `make logs SEVERITY=ERROR` shows each with its error. `ConfigurationError` names what is set wrongly; `make doctor` finds the rest.
        2. 503 only: a provider or a service of Google is down, and tasks come again by themselves.
        3. After a deployment: deploy the commit before it.
      TEXT
    })

    queue_depth = {
      title    = "tasks pile up"
      severity = "WARNING"
      filter   = "queue_depth"
      above    = var.alerts.queue_depth
      period   = "300s"
      lasting  = "600s"
      aligner  = "ALIGN_MAX"
      reducer  = "REDUCE_MAX"
      by       = ["resource.label.queue_id"]
      runbook  = <<-TEXT
        More than ${var.alerts.queue_depth} tasks wait in one queue.

        1. Is the queue paused? `gcloud tasks queues describe`, then `resume`.
        2. Does its function fail? See the alert on 5xx. Tasks wait and lose nothing.
        3. Is it just much, after many new mailboxes? Then it sinks again; if it should be faster, raise `concurrent` in functions.yaml.
      TEXT
    }

    task_age = merge(local.soon, {
      title    = "tasks are called late"
      severity = "WARNING"
      filter   = "task_delays"
      above    = var.alerts.task_age_seconds * 1000 # the metric counts milliseconds
      by       = ["resource.label.queue_id"]
      runbook  = <<-TEXT
        Tasks of one queue are called more than ${var.alerts.task_age_seconds} s after they were due.

        1. Is the queue at its `concurrent`? Then raise it and `max_instances` together.
        2. Did answers 429 or 503 slow the whole queue down? Our functions answer so only when a provider or a service is down.
        3. If these are deliveries, their users' emails wait in `queued`; none is lost.
      TEXT
    })
  }
}
