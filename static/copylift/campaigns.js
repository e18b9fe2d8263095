// Whoever sends a page that cannot be used yet is led to what is wrong with it.
document.getElementById("problems")?.focus();
