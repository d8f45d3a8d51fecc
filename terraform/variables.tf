# -- where ------------------------------------------------------------------------------------------

variable "project" {
  description = "Id of the Google Cloud project that everything is made in. It must exist, with billing."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be a project's id, as `gcloud projects list` shows it: 6 to 30 lower case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Region of the functions, queues, schedules and bundles."
  type        = string
  default     = "europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region, such as europe-west1; `gcloud functions regions list` names those there are."
  }
}

variable "deployment" {
  description = "Name of this deployment. It starts or ends the name of everything that is made, so that several fit into one project; the functions of \"mailbridge\" have the plain names of functions.yaml."
  type        = string
  default     = "mailbridge"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{3,19}$", var.deployment))
    error_message = "deployment must be 4 to 20 lower case letters and digits, first a letter. No hyphens: the names of secrets are told apart by the first."
  }
}

variable "database" {
  description = "Name of the Firestore database. By default \"(default)\" for the deployment \"mailbridge\", otherwise the deployment's name."
  type        = string
  default     = null

  validation {
    condition     = var.database == null || can(regex("^(\\(default\\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$", var.database))
    error_message = "database must be \"(default)\" or 4 to 63 lower case letters, digits and hyphens."
  }
}

variable "database_location" {
  description = "Where Firestore keeps the documents: a region, or eur3 or nam5 for several. It cannot be changed later. By default the region."
  type        = string
  default     = null

  validation {
    condition     = var.database_location == null || can(regex("^([a-z]+-[a-z]+[0-9]+|eur3|nam5|nam7)$", var.database_location))
    error_message = "database_location must be a region, such as europe-west1, or one of eur3, nam5, nam7."
  }
}

variable "bundles" {
  description = "Folder of the functions' bundles, <function>.zip each, as `make bundle` writes them."
  type        = string
  default     = "../build/bundles"

  validation {
    condition     = length(var.bundles) > 0
    error_message = "bundles must name a folder; leave it out for ../build/bundles."
  }
}

# -- whom it serves ---------------------------------------------------------------------------------

variable "mail_providers" {
  description = "The mail providers whose accounts can be connected, by name, and what each is told: google = { client_id = ... }, microsoft = { client_id = ..., tenant = ... }. Their secrets are no variables: see README.md. providers.yaml has what each takes."
  type        = map(map(string))

  validation {
    condition     = length(var.mail_providers) > 0
    error_message = "mail_providers is empty, so no mailbox could be connected: give one of ${join(", ", keys(local.known))} what it takes."
  }

  validation {
    condition     = length(setsubtract(keys(var.mail_providers), keys(local.known))) == 0
    error_message = "mail_providers names ${join(", ", setsubtract(keys(var.mail_providers), keys(local.known)))}; there are: ${join(", ", keys(local.known))}."
  }

  validation {
    condition = alltrue(flatten([
      for name, chosen in var.mail_providers : [for key, _ in chosen : can(local.known[name].variables[key])]
    ]))
    error_message = "mail_providers has what no provider takes: ${join(", ", flatten([
      for name, chosen in var.mail_providers : [for key, _ in chosen : "${name}.${key}" if !can(local.known[name].variables[key])]
    ]))}."
  }

  validation {
    condition = alltrue(flatten([
      for name, chosen in var.mail_providers : [
        for key, one in try(local.known[name].variables, {}) :
        contains(keys(chosen), key) ? can(regex(one.pattern, chosen[key])) : one.optional
      ]
    ]))
    error_message = "mail_providers: ${join("; ", flatten([
      for name, chosen in var.mail_providers : [
        for key, one in try(local.known[name].variables, {}) : "${name}.${key} ${one.must}"
        if !(contains(keys(chosen), key) ? can(regex(one.pattern, chosen[key])) : one.optional)
      ]
    ]))}."
  }
}

variable "auth" {
  description = "Whose JWTs users bring: `iss` and `aud` to the letter, where the keys are, and the claims that name user, team and role."
  type = object({
    issuer     = string
    audience   = string
    jwks_url   = string
    user_claim = optional(string)
    team_claim = optional(string)
    role_claim = optional(string)
  })

  validation {
    condition     = startswith(var.auth.issuer, "https://") && startswith(var.auth.jwks_url, "https://")
    error_message = "auth.issuer and auth.jwks_url must start with https://; your identity provider's /.well-known/openid-configuration has both."
  }

  validation {
    condition     = length(var.auth.audience) > 0
    error_message = "auth.audience must be the `aud` of your users' tokens."
  }
}

variable "allowed_origins" {
  description = "Origins (https://host[:port]) of the CRM: where consents may return to, and where browsers may call from."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.allowed_origins : can(regex("^https://[a-z0-9.-]+(:[0-9]+)?$", origin))])
    error_message = "allowed_origins must be origins such as https://crm.example.com, in lower case, without a path or a slash at the end."
  }
}

variable "public_url" {
  description = "Where users reach the functions when that is a domain of your own; \"{function}\" in it is replaced by a function's name, otherwise the name is appended. By default where Google puts them."
  type        = string
  default     = null

  validation {
    condition     = var.public_url == null || can(regex("^https://[^/]+(/[^/]+)*$", var.public_url))
    error_message = "public_url must start with https:// and not end in a slash."
  }
}

# -- how much ---------------------------------------------------------------------------------------

variable "sync_interval_seconds" {
  description = "How often a mailbox is looked into for new mail. Most of what a mailbox costs follows it."
  type        = number
  default     = 300

  validation {
    condition     = var.sync_interval_seconds >= 60 && var.sync_interval_seconds <= 86400 && floor(var.sync_interval_seconds) == var.sync_interval_seconds
    error_message = "sync_interval_seconds must be a whole number from 60, since syncs are dispatched once a minute, to 86400."
  }
}

variable "settings" {
  description = "Further settings of README.md's table, by name: SYNC_BUDGET_SECONDS, GMAIL_UNITS_PER_GET, MAX_RECIPIENTS ... Each goes to the functions that functions.yaml grants it."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.settings), local.free_settings)) == 0
    error_message = "settings has names that no function is granted or that have a variable of their own: ${join(", ", setsubtract(keys(var.settings), local.free_settings))}."
  }
}

variable "overrides" {
  description = "Other sizes than those of functions.yaml, by function: memory, cpu, timeout (s), concurrency, min_instances (kept warm, for a price), max_instances, schedule (cron, UTC)."
  type = map(object({
    memory        = optional(string)
    cpu           = optional(string)
    timeout       = optional(number)
    concurrency   = optional(number)
    min_instances = optional(number)
    max_instances = optional(number)
    schedule      = optional(string)
  }))
  default = {}

  validation {
    condition     = length(setsubtract(keys(var.overrides), keys(local.map.functions))) == 0
    error_message = "overrides names functions that functions.yaml does not have: ${join(", ", setsubtract(keys(var.overrides), keys(local.map.functions)))}."
  }

  validation {
    condition = alltrue([
      for name, one in var.overrides : one.schedule == null || try(local.map.functions[name].trigger, "") == "schedule"
    ])
    error_message = "overrides gives a schedule to a function whose trigger in functions.yaml is another."
  }
}

variable "load_balancer" {
  description = "Whether a load balancer of yours stands at public_url, before the functions for users. Then they can be reached through it alone, so that nobody goes round what it keeps off: slow requests, too many of them."
  type        = bool
  default     = false

  validation {
    condition     = !var.load_balancer || var.public_url != null
    error_message = "load_balancer needs public_url, which is where it stands."
  }
}

variable "private_ingress" {
  description = "From where the private functions can be reached at all, before IAM and their own check of the caller's token. ALLOW_INTERNAL_ONLY is narrower; Google promises it for Cloud Tasks and Cloud Scheduler on run.app addresses only."
  type        = string
  default     = "ALLOW_ALL"

  validation {
    condition     = contains(["ALLOW_ALL", "ALLOW_INTERNAL_ONLY"], var.private_ingress)
    error_message = "private_ingress must be ALLOW_ALL or ALLOW_INTERNAL_ONLY."
  }
}

variable "backup_days" {
  description = "How many days a daily backup of the database is kept; 0 makes none. Besides, any minute of the last seven days can be read."
  type        = number
  default     = 14

  validation {
    condition     = var.backup_days >= 0 && var.backup_days <= 98 && floor(var.backup_days) == var.backup_days
    error_message = "backup_days must be a whole number from 0 to 98, which is the longest that Firestore keeps one."
  }
}

variable "delete_protection" {
  description = "Whether Firestore refuses to delete the database, whoever asks. Terraform does not delete it in any case."
  type        = bool
  default     = true
}

# -- who is told ------------------------------------------------------------------------------------

variable "alert_emails" {
  description = "Whom alerts are sent to. Without any they are in the console only."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "alert_emails must be email addresses."
  }
}

variable "alerts" {
  description = "From what on an alert is raised: a mailbox's lateness and a task's (s), tasks that wait in a queue, emails that failed, mailboxes that need their user and answers with 5xx (each in an hour), and how long no sync was dispatched (s)."
  type = object({
    sync_lag_seconds       = optional(number, 1800)
    task_age_seconds       = optional(number, 900)
    queue_depth            = optional(number, 5000)
    failed_emails          = optional(number, 5)
    mailboxes_to_reconnect = optional(number, 10)
    server_errors          = optional(number, 20)
    silence_seconds        = optional(number, 900)
  })
  default = {}

  validation {
    condition     = alltrue([for limit in values(var.alerts) : limit >= 0])
    error_message = "alerts must be limits of 0 or more."
  }

  validation {
    condition     = var.alerts.silence_seconds >= 120 && var.alerts.silence_seconds <= 84600 && var.alerts.silence_seconds % 60 == 0
    error_message = "alerts.silence_seconds must be whole minutes, from 120 to 84600 seconds."
  }
}

variable "budget" {
  description = "What the project may cost a month, in whole units of the billing account's currency. Output budget_command is the command that makes a budget of it, for somebody who may change the billing account."
  type = object({
    billing_account = string
    monthly         = number
    currency        = optional(string, "EUR")
  })
  default = null

  validation {
    condition     = var.budget == null || can(regex("^[0-9A-F]{6}(-[0-9A-F]{6}){2}$", var.budget.billing_account))
    error_message = "budget.billing_account must look like 01AB23-CD45EF-678901; `gcloud billing accounts list` shows yours."
  }

  validation {
    condition     = var.budget == null || try(var.budget.monthly >= 1 && floor(var.budget.monthly) == var.budget.monthly, false)
    error_message = "budget.monthly must be a whole number above 0."
  }
}
