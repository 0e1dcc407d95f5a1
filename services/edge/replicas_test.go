package edge_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/blobs"
	"headway/internal/bus/nats"
	"headway/internal/natstest"
	"headway/internal/s3test"
	"headway/services/edge"
)

// setupTwo starts two edges that share a bucket and a bus.
func setupTwo(t *testing.T, change func(*edge.Config)) (one, other *bench) {
	t.Helper()
	folder := t.TempDir()
	shared := func(c *edge.Config) {
		c.EdgeBlobs = blobs.FolderURL(folder)
		if change != nil {
			change(c)
		}
	}
	one = setup(t, shared)
	return one, one.another(shared)
}

func TestTicketOfAnotherEdgeOpensOneStream(t *testing.T) {
	one, other := setupTwo(t, nil)
	one.jobs.put("j1", "media", "ann", nil)
	ticket := func(b *bench) string {
		_, answer := b.decode(b.do(http.MethodPost, "/api/v1/sse/tickets", nil))
		return fmt.Sprint("/api/v1/sse/jobs/media/j1?token=", answer["ticket"])
	}
	for _, edges := range [][2]*bench{{one, other}, {other, one}, {one, one}} {
		path := ticket(one)
		edges[0].open(path, "Authorization", "").want("connected")
		for _, b := range []*bench{edges[0], edges[1]} {
			b.refused(b.do(http.MethodGet, path, nil, "Authorization", ""), http.StatusUnauthorized, "TICKET_INVALID")
		}
	}
}

func TestTicketIsRefusedWithoutItsRecord(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "tickets"), nil, 0o600); err != nil { // where the records must be
		t.Fatal(err)
	}
	b := setup(t, func(c *edge.Config) { c.EdgeBlobs = blobs.FolderURL(folder) })
	_, answer := b.decode(b.do(http.MethodPost, "/api/v1/sse/tickets", nil))
	b.refused(b.do(http.MethodGet, fmt.Sprint("/api/v1/sse/jobs/my?token=", answer["ticket"]), nil, "Authorization", ""), http.StatusServiceUnavailable, "UNAVAILABLE")
}

func TestSessionsMoveBetweenEdges(t *testing.T) {
	one, other := setupTwo(t, nil)
	cookie := one.signIn()
	as := []string{"Authorization", "", "Cookie", cookie}
	if status, _ := other.get("/api/v1/jobs", as...); status != http.StatusOK {
		t.Errorf("on the other edge: %d", status)
	}
	stream := other.open("/api/v1/sse/jobs/my", as...)
	stream.want("connected")
	one.signOut(cookie)
	stream.want("reauth")
	stream.wantEnd()
	other.refused(other.do(http.MethodGet, "/api/v1/jobs", nil, as...), http.StatusUnauthorized, "TOKEN_EXPIRED")
}

func TestPartsOfUploadReachAnyEdge(t *testing.T) {
	one, other := setupTwo(t, nil)
	one.importer.byRequest = map[string]*importsv1.Import{}
	edges := []*tusBench{{bench: one}, {bench: other}}
	file := workbookOf(4 << 20)
	path := edges[0].begin(len(file), "filename", "a.xlsx")
	const chunk = 1 << 20
	for i := 0; i*chunk < len(file); i++ {
		if offset := edges[i%2].offset(path); offset != strconv.Itoa(i*chunk) {
			t.Fatalf("after %d parts: %s", i, offset)
		}
		resp := edges[i%2].append(path, i*chunk, strings.NewReader(file[i*chunk:(i+1)*chunk]))
		if resp.StatusCode != http.StatusNoContent {
			t.Fatalf("part %d: %s", i, resp.Status)
		}
	}
	resp := edges[1].append(path, chunk, strings.NewReader("x"))
	if resp.StatusCode != http.StatusConflict || resp.Header.Get("Upload-Offset") != strconv.Itoa(len(file)) {
		t.Errorf("a part that is there already: %s %v", resp.Status, resp.Header)
	}
	var first any
	for i := range 4 { // the later ones repeat the response
		status, body := edges[i%2].decode(edges[i%2].makeImport(path))
		if status != http.StatusAccepted && status != http.StatusOK {
			t.Fatalf("import: %d %v", status, body)
		}
		id := body["import"].(map[string]any)["importId"]
		if i == 0 {
			first = id
		}
		if id != first {
			t.Errorf("the imports are %v and %v", first, id)
		}
	}
	one.importer.state(func() {
		if sum := sha256.Sum256([]byte(file)); one.importer.sha != hex.EncodeToString(sum[:]) || one.importer.received != int64(len(file)) {
			t.Errorf("the importer got %d bytes of %d, or others", one.importer.received, len(file))
		}
	})
}

// awaitNextMillisecond returns when the clock has advanced, so that a stream is later than the one before.
func awaitNextMillisecond() {
	for begun := time.Now().UnixMilli(); time.Now().UnixMilli() == begun; time.Sleep(100 * time.Microsecond) {
	}
}

func TestStreamsOfUserAreLimitedOnAllEdges(t *testing.T) {
	address := natstest.Start(t)
	one, other := setupTwo(t, func(c *edge.Config) {
		c.StreamsPerUser, c.Bus = 8, nats.Settings{Bus: "nats://" + address}
	})
	one.jobs.put("j1", "media", "ann", nil)
	var open []*eventStream
	for i := range 8 {
		awaitNextMillisecond()
		s := []*bench{one, other}[i%2].open("/api/v1/sse/jobs/media/j1")
		s.want("connected")
		s.want("initial_status")
		open = append(open, s)
	}
	for i := range 4 { // each replaces the oldest one, on whichever edge that is
		awaitNextMillisecond()
		s := []*bench{other, one}[i%2].open("/api/v1/sse/jobs/media/j1")
		s.want("connected")
		s.want("initial_status")
		e := open[i].until("the end", func(e event) bool { return e.data["reason"] != nil })
		if e.data["reason"] != "STREAM_LIMIT" {
			t.Errorf("stream %d: %s", i, e.raw)
		}
		open[i].wantEnd()
		open = append(open, s)
	}
	one.jobs.put("j1", "media", "ann", nil)
	for i, s := range open[4:] { // the others are alive
		if e := s.want("job_update"); e.data["jobId"] != "j1" {
			t.Errorf("stream %d: %s", i, e.raw)
		}
	}
}

// TestUnreachableBucketIsNamed: the edge continues, because its streams don't need the bucket, and reports what is missing.
func TestUnreachableBucketIsNamed(t *testing.T) {
	address, err := url.Parse(s3test.Start(t, "bucket").Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	var away, denied atomic.Bool
	forward := httputil.NewSingleHostReverseProxy(address)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			panic(http.ErrAbortHandler)
		}
		if denied.Load() && r.Method == http.MethodPut {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>") // the edge sees a failure
			return
		}
		forward.ServeHTTP(w, r) // with the Host of the request, which is signed
	}))
	t.Cleanup(proxy.Close)
	b := setup(t, func(c *edge.Config) {
		c.EdgeBlobs = "s3://bucket?region=us-east-1&use_path_style=true&endpoint=" + url.QueryEscape(proxy.URL)
	})
	b.jobs.put("j1", "media", "ann", nil)
	stream := b.open("/api/v1/sse/jobs/media/j1")
	stream.want("connected")
	stream.want("initial_status")
	_, answer := b.decode(b.do(http.MethodPost, "/api/v1/sse/tickets", nil))
	away.Store(true)
	eventually(t, "the bucket is named", func() bool { _, body := b.get("/readyz"); return body["blobs"] == "unreachable" })
	b.refused(b.do(http.MethodGet, fmt.Sprint("/api/v1/sse/jobs/my?token=", answer["ticket"]), nil, "Authorization", ""), http.StatusServiceUnavailable, "UNAVAILABLE")
	b.jobs.put("j1", "media", "ann", nil)
	stream.want("job_update")
	startUpload := func() *http.Response {
		return b.do(http.MethodPost, "/api/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", "10")
	}
	b.refused(startUpload(), http.StatusServiceUnavailable, "UNAVAILABLE")
	away.Store(false)
	eventually(t, "the bucket is back", func() bool { _, body := b.get("/readyz"); return body["blobs"] == nil })
	denied.Store(true)
	b.refused(startUpload(), http.StatusServiceUnavailable, "UNAVAILABLE")
	// The failure is noted when the request ends, which can be after its response: the rest of the body is read.
	eventually(t, "the bucket that refuses changes is named", func() bool { _, body := b.get("/readyz"); return body["blobs"] == "denied" })
	if log := b.log.String(); strings.Count(log, "the bucket of --edge-blobs refuses a change") != 1 {
		t.Errorf("the log is\n%s", log)
	}
}
