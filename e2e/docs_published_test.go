package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// publishedNames are the routes, fields, values, and names on which clients of the three published designs rely, by the heading
// of the design in docs/published-designs.md.
var publishedNames = map[string]string{
	"Batch upload with a list of steps": `POST /api/upload-batch|file|GET /api/events|Content-Type: text/event-stream|Cache-Control: no-cache|
		Connection: keep-alive|UPLOADING_AREA|UPLOADING_DEPARTMENT|UPLOADING_DESIGNATION|UPLOADING_EMPLOYEE|UPLOADING_SCHEDULE|
		UPLOADING_DRIVERS|UPLOADING_ASSIGN_CAR|COMPLETED|FAILED|data.startsWith(word)|response.json()|onerror|ol.stepper|data-id|active|
		Start Upload|Reset|cookie|static|views|PORT|3000`,
	"Job status": `GET /api/v1/sse/jobs/character/:jobId|GET /api/v1/sse/jobs/media/:jobId|GET /api/v1/sse/jobs/my|Authorization: Bearer|JWT|
		owner|connection limit|CORS|keepalive|30 s|nginx|8088|connected|initial_status|job_update|type|jobId|message|status|progress|
		startedAt|timestamp|result|characterId|displayId|name|completedAt|failedReason|result.error|active|completed|failed|queued|
		waiting|cancelled|RFC 3339|GET /api/v1/characters/jobs/:jobId|data|data.status|useJobSSE({ jobId, type, token, onComplete })|
		{ jobStatus, progress, status }|onComplete(result)|connection not established|updates not received|connection drops`,
	"Progress through a gateway": `GET /api/v1/process/stream|?token=|EventSource|withCredentials|ticket|status|processing|completed|error|
		progress|fractional|message|step|Fetching data|data|Connection lost|data:|path|method|proxy_upstream|$PROCESSOR_SERVICE_URL|
		auth_required|timeout|description|useSSEProgress(endpoint)|{ progress, isConnected, start }|start()|promise|
		<ProcessingProgress endpoint>|Processing…|step: message|progress %|channel`,
}

// edge finds the beginning of a name that begins with a letter.
var edge = regexp.MustCompile(`^\w`)

// TestDocumentMapsEveryPublishedName looks for each name in the section of its design, and checks that each line of the table
// has a text next to the published one.
func TestDocumentMapsEveryPublishedName(t *testing.T) {
	page := read(t, "docs", "published-designs.md")
	for design, names := range publishedNames {
		_, section, found := strings.Cut(page, "## "+design+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !found {
			t.Errorf("the document has no section %q", design)
		}
		for line := range strings.Lines(section) {
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
			if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") {
				continue
			}
			if len(cells) != 2 || strings.TrimSpace(cells[1]) == "" {
				t.Errorf("%s: a line does not say where a name is now: %s", design, line)
			}
		}
		for name := range strings.SplitSeq(names, "|") {
			name = strings.TrimSpace(name)
			if !regexp.MustCompile(edge.ReplaceAllString(regexp.QuoteMeta(name), `\b$0`)).MatchString(section) {
				t.Errorf("%s: the document doesn't map %s", design, name)
			}
		}
	}
}

// TestDocumentedFilesOfDesignsExist checks the route files, tests, and pages that the document names.
func TestDocumentedFilesOfDesignsExist(t *testing.T) {
	page := read(t, "docs", "published-designs.md")
	named := regexp.MustCompile(`(?:deploy|e2e)/[\w./*-]+|\]\(([\w.-]+\.md)`)
	for _, match := range named.FindAllStringSubmatch(page, -1) {
		path := match[0]
		if match[1] != "" {
			path = filepath.Join("docs", match[1])
		}
		found, err := filepath.Glob(filepath.Join("..", path))
		if err != nil || len(found) == 0 {
			t.Errorf("%s does not exist (%v)", path, err)
		}
	}
	files, err := os.ReadDir(filepath.Join("..", "deploy", "routes"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !file.IsDir() && !strings.Contains(page, "`--routes deploy/routes/"+file.Name()+"`") {
			t.Errorf("the document doesn't name %s", file.Name())
		}
	}
}
