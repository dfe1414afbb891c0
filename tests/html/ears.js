window.trouble = { errors: [], stopped: [] };
addEventListener("error", (event) => {
  if (event.message) window.trouble.errors.push("error: " + event.message);
}, true);
addEventListener("unhandledrejection", (event) => window.trouble.errors.push("error: " + event.reason));
addEventListener("securitypolicyviolation", (event) => window.trouble.stopped.push("stopped: " + event.blockedURI));
