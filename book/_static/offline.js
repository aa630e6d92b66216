// Opened as a file, without a server, a page may not fetch others: search then shows the titles of
// what it finds, and leaves the excerpts out.
if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}
