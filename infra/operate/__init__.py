"""Deploying and looking after Mailbridge: what `make plan`, `deploy`, `doctor`, `logs` and `status` run.

ENVIRONMENT names a deployment by its terraform/environments/<name>.tfvars; without it, `doctor`, `logs`
and `status` are about this machine.
"""
