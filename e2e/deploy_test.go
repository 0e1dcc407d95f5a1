package e2e

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"headway/internal/natstest"
	"headway/internal/pgtest"
	"headway/internal/proctest"
	"headway/internal/s3test"
)

// composeService is a service of deploy/compose/compose.yaml.
type composeService struct {
	Image       string
	Command     []string
	Environment map[string]string
	Secrets     []string
	Tmpfs       []string
	ReadOnly    bool `yaml:"read_only"`
}

// composeServices returns the services of Headway in deploy/compose/compose.yaml.
func composeServices(t *testing.T) map[string]composeService {
	t.Helper()
	text, err := os.ReadFile("../deploy/compose/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Services map[string]composeService }
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(file.Services, func(_ string, s composeService) bool { return s.Image != "headway" })
	return file.Services
}

// cluster runs the services of the compose file as processes, two of each, with nginx before the edges.
type cluster struct {
	*server
	services  map[string]composeService
	addresses map[string]string // of the services by their names
	replace   *strings.Replacer // of names in the network of the containers
	processes map[string]*proctest.Process
	metrics   map[string]string // addresses with the readiness of each service
}

// launchService starts one service.
func (c *cluster) launchService(name string) {
	c.t.Helper()
	s := c.services[name]
	cmd := exec.Command(headwayProgram, s.Command...)
	data := filepath.Join(c.data, name)
	if len(s.Tmpfs) != 2 || !strings.HasPrefix(s.Tmpfs[1], "/data:uid=65532,") || !s.ReadOnly {
		c.t.Errorf("%s can't write to /data, or can write elsewhere", name)
	}
	own := strings.NewReplacer("0.0.0.0:9091", c.addresses[name], "0.0.0.0:9092", c.addresses[name], "0.0.0.0:8080", c.addresses[name])
	cmd.Env = []string{"HEADWAY_DATA=" + data, "HOME=" + data} // as in the Dockerfile, and nothing else
	for key, value := range s.Environment {
		cmd.Env = append(cmd.Env, key+"="+c.replace.Replace(own.Replace(value)))
	}
	cmd.Env = append(cmd.Env, "HEADWAY_METRICS_LISTEN="+c.metrics[name])
	cmd.Stdout, cmd.Stderr = c.log, c.log
	c.process = proctest.Start(c.t, cmd)
	c.processes[name] = c.process
}

func (c *cluster) start() {
	c.t.Helper()
	c.processes = make(map[string]*proctest.Process)
	for _, name := range slices.Sorted(maps.Keys(c.services)) { // the edges come first, and wait for the others
		c.launchService(name)
	}
	for name, process := range c.processes {
		process.AwaitReady("http://" + c.metrics[name] + "/readyz")
	}
	if c.edge == "" {
		c.edge = composeNginx(c.t.(*testing.T), [2]string{c.addresses["edge1"], c.addresses["edge2"]})
	}
}

func (c *cluster) stop() {
	for _, p := range c.processes {
		_ = p.Kill() // the signal is the error
	}
	for name := range c.services { // memory of the container
		if err := os.RemoveAll(filepath.Join(c.data, name)); err != nil {
			c.t.Error(err)
		}
	}
}

// newCluster prepares the programs and secrets that the compose file names.
func newCluster(t *testing.T) (*cluster, *s3test.Server) {
	t.Helper()
	database, err := pgtest.Start("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := database.Stop(); err != nil {
			t.Error(err)
		}
	})
	objects := s3test.Start(t, "headway")
	c := &cluster{services: composeServices(t), addresses: map[string]string{}, metrics: map[string]string{}, server: &server{t: t, data: t.TempDir(), log: &proctest.Log{}}}
	names := []string{}
	for name := range c.services {
		c.addresses[name], c.metrics[name] = proctest.FreeAddress(t), proctest.FreeAddress(t)
		for _, port := range []string{":9091", ":9092"} {
			names = append(names, name+port, c.addresses[name])
		}
	}
	if len(c.services) != 6 {
		t.Fatalf("the services are %v, want two of each", slices.Sorted(maps.Keys(c.services)))
	}
	c.jobs, c.importer = c.addresses["jobs1"], c.addresses["importer1"]
	secrets := t.TempDir()
	credentials := "[default]\n"
	for name, value := range s3test.Env() {
		credentials += strings.ToLower(name) + " = " + value + "\n"
	}
	for name, text := range map[string]string{"key": "a-key-for-this-test-of-32-bytes-or-more", "pgpass": "*:*:*:headway:unused\n", "aws": credentials} {
		writeFile(t, filepath.Join(secrets, name), text)
	}
	user, _, _ := strings.Cut(database.Database(t, "headway"), "?")
	c.replace = strings.NewReplacer(append(names, "postgres://headway@postgres:5432/headway", user, "http://s3:7070", objects.Endpoint(),
		"/run/secrets", secrets, "nats:4222", natstest.Start(t))...)
	return c, objects
}

// TestEmbeddedDefaultMovesToComposeFile follows docs/deploying.md from one process to the settings of the compose file, and
// loses no job, no import, and no file.
func TestEmbeddedDefaultMovesToComposeFile(t *testing.T) {
	c, objects := newCluster(t)
	key := []string{"--key-file", c.replace.Replace("/run/secrets/key")}
	single := start(t, key...)
	token := c.token("ann", key...)
	file, _ := single.sample(200, 3)
	ended := single.accepted(token, file, "on_issues=skip_rows")
	single.job(token, ended, "completed")
	asked := single.accepted(token, file, "on_issues=review", "request_id=asked")
	single.job(token, asked, "waiting")
	queued := single.create(token, "unserved", map[string]any{"n": 1})
	if err := single.interrupt(); err != nil {
		t.Fatal(err)
	}

	database := c.replace.Replace(c.services["jobs1"].Environment["HEADWAY_JOBS_DATABASE"])
	single.headway("migrate-jobs", "--jobs-database", database)
	single.headway("migrate-imports", "--imports-database", database)
	copyFiles(t, filepath.Join(single.data, "blobs", "imports", "*"), filepath.Join(objects.Folder("headway"), "imports"))
	copyRows(t, single.data, c.replace.Replace(c.services["importer1"].Environment["HEADWAY_RECORDS"]))
	c.start()

	c.job(token, ended, "completed")
	c.job(token, asked, "waiting")
	c.job(token, queued, "queued")
	if report := c.curl("-f", "-H", "Authorization: Bearer "+token, "http://"+c.edge+"/api/v1/imports/"+ended+"/report.xlsx"); !strings.HasPrefix(report, "PK") {
		t.Errorf("the report of the earlier import is %d bytes", len(report))
	}
	if status, answer := c.rest(token, http.MethodPost, "/api/v1/imports/"+asked+":confirm", map[string]any{"commit": true}); status != http.StatusOK {
		t.Fatalf("confirm: %d %v", status, answer)
	}
	c.job(token, asked, "completed")
	later := c.accepted(token, file, "on_issues=skip_rows", "request_id=later")
	c.job(token, later, "completed")
	_, answer := c.rest(token, http.MethodGet, "/api/v1/imports/"+later, nil)
	if totals, _ := answer["import"].(map[string]any)["totals"].(map[string]any); totals["inserted"] != 0.0 || totals["updated"] != 0.0 || totals["unchanged"] == 0.0 {
		t.Errorf("the same file as before has %v, want the rows to be there", totals)
	}

	c.stop()
	c.start() // with nothing in their data directories
	for _, id := range []string{ended, asked, later} {
		c.job(token, id, "completed")
	}
}

// copyRows runs the commands of docs/deploying.md that copy the imported rows.
func copyRows(t *testing.T, data, records string) {
	t.Helper()
	page := read(t, "docs", "deploying.md")
	begin := strings.Index(page, "headway schema migrate workforce")
	if begin < 0 {
		t.Fatal("docs/deploying.md doesn't say how to copy the rows")
	}
	script, _, _ := strings.Cut(page[begin:], "```")
	script = strings.NewReplacer("headway schema", headwayProgram+" schema", "DATA", data).Replace(script)
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", script)
	cmd.Env = append(os.Environ(), "HEADWAY_RECORDS="+records)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func copyFiles(t *testing.T, pattern, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %v", pattern, files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(to, filepath.Base(file)), string(data))
	}
}

// TestDeployedSettingsExist checks every setting in deploy and in docs/deploying.md against the program's help.
func TestDeployedSettingsExist(t *testing.T) {
	var known string
	for _, command := range []string{"jobs", "importer", "edge", "serve"} {
		out, err := exec.Command(headwayProgram, command, "--help").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		known += string(out)
	}
	setting := regexp.MustCompile(`HEADWAY_[A-Z0-9_]+`)
	files := []string{"../docs/deploying.md", "../deploy/compose/compose.yaml", "../deploy/docker/Dockerfile", "../deploy/systemd/headway@.service", "../deploy/helm/headway/values.yaml",
		"../deploy/helm/headway/templates/_helpers.tpl", "../deploy/helm/headway/templates/edge.yaml"}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names := setting.FindAllString(string(text), -1)
		if len(names) == 0 {
			t.Errorf("%s has no settings", file)
		}
		for _, name := range names {
			if !strings.Contains(known, "$"+name) {
				t.Errorf("%s: there is no setting %s", file, name)
			}
		}
	}
}

// TestImageIsStaticAndWithoutRights checks the image that the last stage of the Dockerfile describes.
func TestImageIsStaticAndWithoutRights(t *testing.T) {
	text, err := os.ReadFile("../deploy/docker/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, last, _ := bytes.Cut(text, []byte("FROM scratch\n"))
	for _, want := range []string{"USER 65532:65532\n", "HEADWAY_DATA=/data\n", `ENTRYPOINT ["/headway"]`} {
		if !bytes.Contains(last, []byte(want)) {
			t.Errorf("the last stage has no %s", want)
		}
	}
	out, err := exec.Command("go", "list", "-deps", "-json=ImportPath,CgoFiles", "headway/cmd/headway").Output()
	if err != nil {
		t.Fatal(err)
	}
	optional := []string{"net", "os/user", "runtime/cgo"} // these have a version without cgo
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var p struct {
			ImportPath string
			CgoFiles   []string
		}
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if len(p.CgoFiles) > 0 && !slices.Contains(optional, p.ImportPath) {
			t.Errorf("%s needs cgo: %v", p.ImportPath, p.CgoFiles)
		}
	}
	if !bytes.Contains(text, []byte("CGO_ENABLED=0 go build")) {
		t.Error("the program is linked with the C library of the builder, and scratch has none")
	}
}
