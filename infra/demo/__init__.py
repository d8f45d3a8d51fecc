"""The main job from consent to a sent email, told on screen and checked step by step.

Everything goes over HTTP through the public API, as a browser and a CRM would do it. `infra.demo.__main__`
starts the stack that it is told on.
"""
