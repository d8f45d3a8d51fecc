"""A program that logs errors and ends."""

from shared import logs

if __name__ == "__main__":
    logs.error("it broke")
    logs.error("request", status=500, error="KeyError")
