package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// okrctl builds the program that people use, once.
var okrctl = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "okr-okrctl-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "okrctl")
	build := exec.Command("go", "build", "-o", program, "./cmd/okrctl")
	build.Dir = "../../proto"
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, text)
	}
	return program, nil
})

// terminal is a person's terminal: okrctl with a home of its own.
type terminal struct {
	system  *system
	program string
	home    string
	env     []string
}

func (s *system) newTerminal(t *testing.T) *terminal {
	t.Helper()
	program, err := okrctl()
	if err != nil {
		t.Fatal(err)
	}
	return &terminal{system: s, program: program, home: t.TempDir()}
}

// command is okrctl with arguments. What the shell that runs the tests has set does not reach it.
func (c *terminal) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.program, args...)
	cmd.Env = append([]string{
		"HOME=" + c.home, "XDG_CONFIG_HOME=" + filepath.Join(c.home, ".config"), "PATH=/nowhere", "TZ=UTC",
		"OKR_PUBLIC_URL=" + c.system.PublicURL, "OKR_STORE_ADDR=" + c.system.StoreAddr,
	}, c.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	return cmd
}

// ran is what a command has left on the terminal.
type ran struct {
	code     int
	out, err string
}

// try runs a command to its end.
func (c *terminal) try(t *testing.T, args ...string) ran {
	t.Helper()
	return c.answering(t, "", args...)
}

// answering runs a command that asks something.
func (c *terminal) answering(t *testing.T, input string, args ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, failure bytes.Buffer
	cmd := c.command(ctx, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &failure
	_ = cmd.Run() // the exit code is looked at
	tellsNoToken(t, args, failure.String())
	return ran{cmd.ProcessState.ExitCode(), out.String(), failure.String()}
}

// tellsNoToken searches what a command says beside its output, which people paste into reports of bugs.
func tellsNoToken(t *testing.T, args []string, said string) {
	t.Helper()
	for _, kind := range []string{"a JSON Web Token", "a bearer token"} {
		if patterns[kind].MatchString(said) {
			t.Errorf("okrctl %s tells %s: %s", strings.Join(args, " "), kind, said)
		}
	}
}

// must runs a command that has to succeed, and answers what it prints.
func (c *terminal) must(t *testing.T, args ...string) string {
	t.Helper()
	got := c.try(t, args...)
	if got.code != 0 {
		t.Fatalf("okrctl %s: %d %s%s", strings.Join(args, " "), got.code, got.out, got.err)
	}
	return got.out
}

// json runs a command that prints a JSON object.
func (c *terminal) json(t *testing.T, args ...string) fields {
	t.Helper()
	return parse(t, c.must(t, append(args, "-o", "json")...))
}

// array runs a command that prints a JSON array.
func (c *terminal) array(t *testing.T, args ...string) []fields {
	t.Helper()
	var all []fields
	text := c.must(t, append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return all
}

// background is a command that goes on.
type background struct {
	cmd      *exec.Cmd
	out, err *bufio.Reader
}

func (c *terminal) start(t *testing.T, args ...string) *background {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience) //nolint:usetesting // ends after the test's own context, by the cleanup
	cmd := c.command(ctx, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	failure, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		tellsNoToken(t, args, said.String())
	})
	return &background{cmd, bufio.NewReader(out), bufio.NewReader(io.TeeReader(failure, &said))}
}

// line waits for the next line that contains a text.
func line(t *testing.T, from *bufio.Reader, with string) string {
	t.Helper()
	for {
		text, err := from.ReadString('\n')
		if err != nil {
			t.Fatalf("waiting for %q: %v", with, err)
		}
		if strings.Contains(text, with) {
			return strings.TrimSpace(text)
		}
	}
}

// interrupt is Ctrl-C. It answers the exit code.
func (b *background) interrupt(t *testing.T) int {
	t.Helper()
	if err := b.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, b.out)
	_, _ = io.Copy(io.Discard, b.err)
	_ = b.cmd.Wait()
	return b.cmd.ProcessState.ExitCode()
}

// login signs a person in: okrctl prints an address, the person opens it in their browser and allows or declines what the
// page asks, and the browser goes where it is sent.
func (c *terminal) login(t *testing.T, p *person, allow bool, args ...string) (printed string, code int) {
	t.Helper()
	b := c.start(t, append([]string{"login", "--no-browser"}, args...)...)
	c.consent(t, p, line(t, b.err, "/oauth/authorize?"), allow)
	out, _ := io.ReadAll(b.out)
	failure, _ := io.ReadAll(b.err)
	_ = b.cmd.Wait()
	return string(out) + string(failure), b.cmd.ProcessState.ExitCode()
}

func (c *terminal) consent(t *testing.T, p *person, address string, allow bool) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if page, status := p.browse(t, address); status != http.StatusOK || page.Path != "/oauth/authorize" {
		t.Fatalf("the address leads to %s, %d", page, status)
	}
	q := u.Query()
	request := fields{"resource": q["resource"]}
	for parameter, name := range map[string]string{
		"client_id": "clientId", "redirect_uri": "redirectUri", "response_type": "responseType", "scope": "scope", "state": "state",
		"code_challenge": "codeChallenge", "code_challenge_method": "codeChallengeMethod",
	} {
		request[name] = q.Get(parameter)
	}
	shown := p.show(t, request)
	if shown.text("client", "name") != "okrctl" || shown.text("client", "redirectKind") != "REDIRECT_KIND_LOOPBACK" {
		t.Errorf("the page shows %v", shown)
	}
	decided := p.decide(t, shown.text("authorization"), allow)
	if _, status := p.browse(t, parse(t, decided.body).text("redirectUri")); status != map[bool]int{true: http.StatusOK, false: http.StatusBadRequest}[allow] {
		t.Fatalf("the browser ends at %s with %d", decided.body, status)
	}
}

// terminal is one at which a person has signed in.
func (p *person) terminal(t *testing.T) *terminal {
	t.Helper()
	c := p.system.newTerminal(t)
	if printed, code := c.login(t, p, true); code != 0 || !strings.Contains(printed, "Signed in at "+p.system.PublicURL) {
		t.Fatalf("login: %d %s", code, printed)
	}
	return c
}
