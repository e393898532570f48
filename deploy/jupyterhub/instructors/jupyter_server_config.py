"""The formgrader is a frame within JupyterLab, and JupyterHub forbids all frames."""

c = get_config()  # noqa: F821 (given by traitlets)

c.ServerApp.tornado_settings = {
    "headers": {"Content-Security-Policy": "frame-ancestors 'self'"}
}
