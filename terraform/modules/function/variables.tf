variable "name" {
  description = "Its name in functions.yaml, which is also that of its entry point."
  type        = string
}

variable "deployment" {
  description = "The deployment it belongs to."
  type        = string
}

variable "prefix" {
  description = "What its name at Google starts with, so that it is alone in the project."
  type        = string
}

variable "url" {
  description = "Where it is called; also the audience of the tokens that it is called with."
  type        = string
}

variable "project" {
  description = "Id of the project."
  type        = string
}

variable "region" {
  description = "Region of the function."
  type        = string
}

variable "runtime" {
  description = "What Google runs it with, such as python311."
  type        = string
}

variable "trigger" {
  description = "Who calls it: http (users), task (Cloud Tasks) or schedule (Cloud Scheduler)."
  type        = string

  validation {
    condition     = contains(["http", "task", "schedule"], var.trigger)
    error_message = "trigger must be http, task or schedule: correct the function's entry in functions.yaml."
  }
}

variable "public" {
  description = "Whether anybody may call it; it then asks for a user's token itself."
  type        = bool

  validation {
    condition     = !var.public || var.trigger == "http"
    error_message = "Only functions with trigger http may be public: correct the function's entry in functions.yaml."
  }
}

variable "ingress" {
  description = "From where it can be reached: ALLOW_ALL, ALLOW_INTERNAL_AND_GCLB or ALLOW_INTERNAL_ONLY."
  type        = string
}

variable "schedule" {
  description = "When Cloud Scheduler calls it: cron, UTC. Null with another trigger."
  type        = string

  validation {
    condition     = (var.schedule != null) == (var.trigger == "schedule")
    error_message = "A function has a schedule exactly when that is its trigger: correct its entry in functions.yaml."
  }

  validation {
    condition     = var.schedule == null || can(regex("^\\S+( \\S+){4}$", var.schedule))
    error_message = "schedule must be a cron line of five fields, such as \"*/5 * * * *\"."
  }
}

variable "memory" {
  description = "Memory of an instance, such as 256Mi."
  type        = string

  validation {
    condition     = can(regex("^[0-9]+(Mi|Gi)$", var.memory))
    error_message = "memory must be a number of Mi or Gi, such as 512Mi."
  }
}

variable "cpu" {
  description = "vCPUs of an instance; null for what Google gives with the memory."
  type        = string
}

variable "timeout" {
  description = "Seconds that one call may take."
  type        = number

  validation {
    condition     = var.timeout >= 1 && var.timeout <= (var.trigger == "http" ? 3600 : var.trigger == "task" ? 1800 : 1780)
    error_message = "timeout must be 1 to 3600 seconds; 1800 for a task and 1780 for a schedule, since their callers wait no longer."
  }
}

variable "concurrency" {
  description = "Calls that one instance serves at once."
  type        = number

  validation {
    condition     = var.concurrency == 1 || try(tonumber(var.cpu) >= 1, false)
    error_message = "A concurrency above 1 needs a cpu of 1 or more: Google refuses it otherwise."
  }
}

variable "instances" {
  description = "How many there are at least, idle ones kept warm for a price, and at most."
  type        = object({ min = number, max = number })

  validation {
    condition     = var.instances.min >= 0 && var.instances.max >= 1 && var.instances.min <= var.instances.max
    error_message = "min_instances must be 0 or more and no more than max_instances."
  }
}

variable "environment" {
  description = "Its settings, without secrets."
  type        = map(string)
}

variable "secrets" {
  description = "Settings that are secrets, and the id of the secret of each."
  type        = map(string)
}

variable "bundle" {
  description = "The zip with its code, and the bucket for it."
  type        = object({ path = string, bucket = string })
}

variable "build" {
  description = "Who builds it, and the repository of its image, both by their full names."
  type        = object({ account = string, repository = string })
}

variable "roles" {
  description = "Custom roles in the project: the role, the title and the expression of its condition; null for none."
  type        = map(object({ role = string, title = string, condition = optional(string) }))
}

variable "enqueue" {
  description = "The queues it may fill, with which role, and by queue the account that its tasks name, with which role. Null for none."
  type = object({
    queues       = map(string)
    role         = string
    invokers     = map(string)
    invoker_role = string
  })
}

variable "invoker" {
  description = "Email of the only account that may call it; null when users do."
  type        = string
}
