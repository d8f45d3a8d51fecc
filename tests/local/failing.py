"""A program that logs an error and ends."""

from shared import logs

if __name__ == "__main__":
    logs.error("it broke")
