package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/services/kit/config"
)

// settings have a rule, and a field of every kind that services use.
type settings struct {
	Addr     string        `env:"TEST_ADDR" envDefault:"127.0.0.1:9001"`
	Interval time.Duration `env:"TEST_INTERVAL" envDefault:"30s"`
	Replicas int           `env:"TEST_REPLICAS" envDefault:"1"`
	Key      config.Secret `env:"TEST_KEY"`
	Origins  []string      `env:"TEST_ORIGINS" envDefault:"a,b"`
	Unread   string
}

func (s settings) Validate() error {
	var errs []error
	if s.Replicas < 1 {
		errs = append(errs, errors.New("TEST_REPLICAS must be at least 1"))
	}
	if s.Addr == "" {
		errs = append(errs, errors.New("TEST_ADDR must not be empty"))
	}
	return errors.Join(errs...)
}

func TestDefaultsStandInTheCode(t *testing.T) {
	got, err := config.Load[settings]()
	want := settings{Addr: "127.0.0.1:9001", Interval: 30 * time.Second, Replicas: 1, Origins: []string{"a", "b"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Load = %+v, %v", got, err)
	}
}

func TestTheEnvironmentOverridesDefaults(t *testing.T) {
	t.Setenv("TEST_ADDR", ":1")
	t.Setenv("TEST_INTERVAL", "1m30s")
	t.Setenv("TEST_REPLICAS", "3")
	t.Setenv("TEST_KEY", "hunter2")
	got, err := config.Load[settings]()
	want := settings{Addr: ":1", Interval: 90 * time.Second, Replicas: 3, Key: "hunter2", Origins: []string{"a", "b"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Load = %+v, %v", got, err)
	}
	if string(got.Key) != "hunter2" {
		t.Error("the secret does not reveal itself")
	}
}

func TestEveryMistakeIsReportedAtOnce(t *testing.T) {
	t.Setenv("TEST_INTERVAL", "soon")
	t.Setenv("TEST_REPLICAS", "0")
	t.Setenv("TEST_KEY", "hunter2")
	_, err := config.Load[settings]()
	if err == nil {
		t.Fatal("mistakes were accepted")
	}
	for _, part := range []string{"Interval", "soon", "TEST_REPLICAS"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not mention %s: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error tells the secret: %v", err)
	}

	t.Setenv("TEST_REPLICAS", "many")
	if _, err := config.Load[settings](); err == nil || !strings.Contains(err.Error(), "Interval") || !strings.Contains(err.Error(), "Replicas") {
		t.Errorf("two values that cannot be read: %v", err)
	}
}

func TestVariablesListTheSettingsInOrder(t *testing.T) {
	got, err := config.Variables[settings]()
	want := []config.Variable{
		{Name: "TEST_ADDR", Default: "127.0.0.1:9001"},
		{Name: "TEST_INTERVAL", Default: "30s"},
		{Name: "TEST_REPLICAS", Default: "1"},
		{Name: "TEST_KEY"},
		{Name: "TEST_ORIGINS", Default: "a,b"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Variables = %v, %v", got, err)
	}
}

func TestWriteListsWhatIsInEffectWithoutSecrets(t *testing.T) {
	t.Setenv("TEST_INTERVAL", "1m30s")
	t.Setenv("TEST_KEY", "hunter2")
	c, err := config.Load[settings]()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := config.Write(&out, c); err != nil {
		t.Fatal(err)
	}
	want := "TEST_ADDR=127.0.0.1:9001\n" +
		"TEST_INTERVAL=1m30s  # from the environment\n" +
		"TEST_REPLICAS=1\n" +
		"TEST_KEY=REDACTED  # from the environment\n" +
		"TEST_ORIGINS=a,b\n"
	if out.String() != want {
		t.Errorf("it wrote\n%swant\n%s", &out, want)
	}
}

func TestASecretDoesNotPrint(t *testing.T) {
	const secret = config.Secret("hunter2")
	s := settings{Key: secret}
	outputs := map[string]string{
		"Error": fmt.Errorf("key %v is short", secret).Error(),
		"Join":  fmt.Sprint(secret, " ", []config.Secret{secret}, map[string]config.Secret{"k": secret}),
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10s", "%.3s", "%-20v"} {
		outputs["value "+verb] = fmt.Sprintf(verb, secret)
		outputs["struct "+verb] = fmt.Sprintf(verb, s)
		outputs["pointer "+verb] = fmt.Sprintf(verb, &s)
	}
	encoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	outputs["JSON"] = string(encoded)
	var text, lines bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("start", slog.Any("key", secret), slog.Any("settings", s))
	slog.New(slog.NewJSONHandler(&lines, nil)).Info("start", slog.Any("key", secret), slog.Any("settings", s))
	outputs["slog text"], outputs["slog JSON"] = text.String(), lines.String()

	for how, output := range outputs {
		if strings.Contains(output, "hunter2") || strings.Contains(strings.ToLower(output), fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("%s reveals it: %s", how, output)
		}
		if strings.HasPrefix(how, "slog") && !strings.Contains(output, "REDACTED") {
			t.Errorf("%s does not say that there is a secret: %s", how, output)
		}
	}
	if got := fmt.Sprintf("%s %v %q", secret, secret, secret); got != `REDACTED REDACTED "REDACTED"` {
		t.Errorf("it prints as %s", got)
	}
	if got := fmt.Sprintf("[%v]", config.Secret("")); got != "[]" {
		t.Errorf("no secret prints as %s", got)
	}
}
