package cluster

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"headway/internal/auth"
	"headway/internal/pgtest"
	"headway/internal/proctest"
	"headway/internal/s3test"
)

const secret = "a secret of the cluster that is long enough"

// node is a process of the cluster.
type node struct {
	t    *testing.T
	name string
	// programs are the releases of the program. Each start takes the next one.
	programs []string
	args     []string
	env      []string
	log      *proctest.Log

	mu      sync.Mutex
	process *proctest.Process
	starts  int
	over    bool
}

func (n *node) start() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return
	}
	cmd := exec.Command(n.programs[n.starts%len(n.programs)], n.args...)
	n.starts++
	cmd.Env = append(os.Environ(), n.env...)
	cmd.Stdout, cmd.Stderr = n.log, n.log
	n.process = proctest.Start(n.t, cmd)
}

// signal sends a signal, such as SIGSTOP.
func (n *node) signal(s syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_ = n.process.Process.Signal(s) // it can have ended
}

// kill ends the process like a crash.
func (n *node) kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	_ = n.process.Kill() // the signal is the error
}

// stop ends the process in an orderly way, and waits for that.
func (n *node) stop() {
	n.signal(syscall.SIGTERM)
	select {
	case <-n.process.Ended():
	case <-time.After(time.Minute):
		n.t.Errorf("%s doesn't stop\n%s", n.name, n.log)
		n.kill()
	}
}

// close is the end of the test.
func (n *node) close() {
	n.signal(syscall.SIGCONT)
	n.mu.Lock()
	n.over = true
	n.mu.Unlock()
	n.kill()
	if n.t.Failed() {
		n.t.Logf("%s: %s", n.name, tail(n.log.String(), 4000))
	}
}

func tail(text string, n int) string { return text[max(0, len(text)-n):] }

// link connects a service to its dependencies: a proxy for each address.
type link struct {
	name    string
	proxies []*pgtest.Proxy
}

// mute swallows everything that is sent, in both directions.
func (l link) mute() {
	for _, p := range l.proxies {
		p.Mute()
	}
}

// unmute ends mute. It cuts the connections, because bytes are missing.
func (l link) unmute() {
	for _, p := range l.proxies {
		p.Unmute()
		p.Cut()
	}
}

// slow makes every 4 KiB take a time. 0 ends that.
func (l link) slow(each time.Duration) {
	for _, p := range l.proxies {
		p.Slow(each)
	}
}

func (l link) cut() {
	for _, p := range l.proxies {
		p.Cut()
	}
}

// cluster has two of each service, their dependencies, and nginx.
type cluster struct {
	t        *testing.T
	url      string // of nginx
	jobs     string // addresses
	key      *auth.Key
	postgres *pgtest.Server
	nodes    []*node // the services, two of each kind, and NATS
	links    []link
	client   *http.Client
}

// start starts everything. watchers is how many streams there will be.
func start(t *testing.T, watchers int) *cluster {
	t.Helper()
	key, err := auth.NewKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, key: key}
	if c.postgres, err = pgtest.Start("fsync=off"); err != nil { // no machine crashes here
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.postgres.Stop(); err != nil {
			t.Error(err)
		}
	})
	c.postgres.Database(t, "headway")
	objects := s3test.Start(t, "headway")
	bus := proctest.FreeAddress(t)
	folder := t.TempDir()
	keyFile := writeFile(t, folder, "key", secret)
	c.node("nats", os.Args[0], nil, natsVariable+"="+bus)
	const kinds = 2
	var jobs, importers, edges [kinds]string
	for i := range kinds {
		jobs[i], importers[i], edges[i] = proctest.FreeAddress(t), proctest.FreeAddress(t), proctest.FreeAddress(t)
	}
	c.jobs = strings.Join(jobs[:], ",")
	var env []string
	for name, value := range s3test.Env() {
		env = append(env, name+"="+value)
	}
	for i := range kinds {
		database := func(of string) string {
			return "postgres://headway@" + c.link(fmt.Sprintf("%s %d to PostgreSQL", of, i), c.postgres.Address()) + "/headway?sslmode=disable"
		}
		bucket := func(of, prefix string) string {
			through := c.link(fmt.Sprintf("%s %d to S3", of, i), strings.TrimPrefix(objects.Endpoint(), "http://"))
			return strings.Replace(objects.URL("headway", "prefix="+prefix), url.QueryEscape(objects.Endpoint()), url.QueryEscape("http://"+through), 1)
		}
		common := func(of string) []string {
			return []string{"--data", filepath.Join(folder, fmt.Sprint(of, i)), "--key-file", keyFile, "--metrics-listen", "-", "--log-level", "warn"}
		}
		forJobs, forImports := database("jobs"), database("importer")
		c.node(fmt.Sprint("jobs ", i), "jobs", slices.Concat(common("jobs"), []string{"--jobs-listen", jobs[i], "--jobs-database", forJobs,
			"--bus", "nats://" + c.link(fmt.Sprintf("jobs %d to NATS", i), bus), "--output-blobs", bucket("jobs", "outputs/")}), env...)
		c.node(fmt.Sprint("importer ", i), "importer", slices.Concat(common("importer"), []string{"--importer-listen", importers[i],
			"--jobs-address", c.link(fmt.Sprintf("importer %d to jobs", i), jobs[:]...),
			"--imports-database", forImports, "--records", forImports, "--blobs", bucket("importer", "imports/")}), env...)
		c.node(fmt.Sprint("edge ", i), "edge", slices.Concat(common("edge"), []string{"--listen", edges[i],
			"--jobs-address", c.link(fmt.Sprintf("edge %d to jobs", i), jobs[:]...),
			"--importer-address", c.link(fmt.Sprintf("edge %d to importers", i), importers[:]...), "--edge-blobs", bucket("edge", "edge/"), "--drain-delay", "1s",
			"--bus", "nats://" + c.link(fmt.Sprintf("edge %d to NATS", i), bus), "--streams-per-user=2000", "--requests-per-second=5000",
			"--keepalive", "5s", "--retry", "1s"}), env...)
	}
	for i, n := range c.nodes[len(c.nodes)-3*kinds:] {
		if strings.HasPrefix(n.name, "edge ") {
			n.process.AwaitReady("http://" + edges[i/3] + "/readyz")
		}
	}
	c.startNginx(folder, edges[:], watchers)
	return c
}

// node starts a process.
func (c *cluster) node(name, program string, args []string, env ...string) {
	c.t.Helper()
	n := &node{t: c.t, name: name, programs: []string{program}, args: args, env: env, log: new(proctest.Log)}
	if !filepath.IsAbs(program) {
		n.programs[0] = filepath.Join(programs, program)
		if earlier := os.Getenv("HEADWAY_CHAOS_EARLIER"); earlier != "" {
			n.programs = append(n.programs, filepath.Join(earlier, program))
			n.starts = (len(c.nodes) - 1) / 3 // of each two, one begins with the earlier release
		}
	}
	n.start()
	c.t.Cleanup(n.close)
	c.nodes = append(c.nodes, n)
}

// link returns the addresses of new proxies in front of addresses, separated by commas.
func (c *cluster) link(name string, addresses ...string) string {
	c.t.Helper()
	l := link{name: name}
	var through []string
	for _, address := range addresses {
		p := pgtest.NewProxy(c.t, address)
		l.proxies, through = append(l.proxies, p), append(through, p.Address())
	}
	c.links = append(c.links, l)
	return strings.Join(through, ",")
}

// startNginx starts nginx in front of the edges, with the settings of deploy/nginx/headway.conf for streams and uploads.
func (c *cluster) startNginx(folder string, edges []string, watchers int) {
	c.t.Helper()
	address := proctest.FreeAddress(c.t)
	text, err := os.ReadFile("../../deploy/nginx/headway.conf")
	if err != nil {
		c.t.Fatal(err)
	}
	site := string(text)
	for old, replacement := range map[string]string{
		"server 127.0.0.1:8080;": "server " + strings.Join(edges, " max_fails=1 fail_timeout=1s;\n    server ") + " max_fails=1 fail_timeout=1s;",
		"listen 443 ssl http2;":  "listen " + address + ";", "server_name headway.example.com;": "server_name 127.0.0.1;",
		"    ssl_certificate /etc/ssl/headway/cert.pem;\n": "", "    ssl_certificate_key /etc/ssl/headway/key.pem;\n": "",
		"/var/log/nginx/headway.log": "off;  #",
	} {
		if !strings.Contains(site, old) {
			c.t.Fatalf("deploy/nginx/headway.conf does not contain %q", old)
		}
		site = strings.Replace(site, old, replacement, 1)
	}
	site = strings.ReplaceAll(site, "proxy_http_version 1.1;", "proxy_http_version 1.1;\n    proxy_connect_timeout 2s;")
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // only the current user can read the folder
	}
	writeFile(c.t, folder, "headway.conf", site)
	conf := writeFile(c.t, folder, "nginx.conf", fmt.Sprintf(`%s
pid %[2]s/nginx.pid;
error_log stderr crit;
worker_processes 1;
worker_rlimit_nofile %[3]d;
events { worker_connections %[3]d; }
http {
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	include %[2]s/headway.conf;
}
`, user, folder, 4*watchers+1000))
	program := "/usr/sbin/nginx"
	if found, err := exec.LookPath("nginx"); err == nil {
		program = found
	}
	log := new(proctest.Log)
	cmd := exec.Command(program, "-p", folder, "-c", conf, "-g", "daemon off;")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		c.t.Fatalf("%s is missing. Install it with make test-programs: %v", program, err)
	}
	c.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it ends its workers
		_ = cmd.Wait()
		if c.t.Failed() {
			c.t.Logf("nginx: %s", tail(log.String(), 2000))
		}
	})
	c.url = "http://" + address
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	c.t.Cleanup(transport.CloseIdleConnections)
	c.client = &http.Client{Transport: transport}
	eventually(c.t, "the cluster is ready", func() bool {
		resp, err := c.client.Get(c.url + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// eventually waits until a condition is true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come to be that %s", what)
		}
	}
}

// token returns a token of a user.
func (c *cluster) token(subject string, scopes ...string) string {
	c.t.Helper()
	token, err := c.key.Sign(auth.Identity{Subject: subject, Scopes: scopes}, 2*time.Hour)
	if err != nil {
		c.t.Fatal(err)
	}
	return token
}
