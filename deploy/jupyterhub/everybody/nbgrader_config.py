"""nbgrader's settings for everybody: which course, and that JupyterHub knows who is in it."""

from nbgrader.auth import JupyterHubAuthPlugin

c = get_config()  # noqa: F821 (given by traitlets)

c.CourseDirectory.course_id = "deep-learning-by-hand"
c.Authenticator.plugin_class = JupyterHubAuthPlugin
