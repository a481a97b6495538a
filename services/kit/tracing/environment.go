package tracing

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// The protocols that spans travel by.
const (
	protocolGRPC = "grpc"
	protocolHTTP = "http/protobuf"
)

// Check reports every mistake in the OTEL_* variables that would keep a service from starting, or that the SDK would pass
// over with no more than a line of its own. Where tracing is off there is none.
func Check() error {
	_, _, err := read(os.Getenv)
	return err
}

// read reads from the environment whether spans are exported, and by which protocol. The specification has them exported to
// a collector on this machine where nothing is set; here, nothing set means off.
func read(getenv func(string) string) (on bool, protocol string, err error) {
	first := func(names ...string) (name, value string) {
		for _, name := range names {
			if value := strings.TrimSpace(getenv(name)); value != "" {
				return name, value
			}
		}
		return "", ""
	}
	endpointName, endpoint := first("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	kindName, kind := first("OTEL_TRACES_EXPORTER")
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || kind == "none" || kind == "" && endpoint == "" {
		return false, "", nil
	}
	var errs []error
	complain := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if kind != "" && kind != "otlp" {
		complain("%s is %q: otlp or none", kindName, kind)
	}
	protocolName, protocol := first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
	if protocol != "" && protocol != protocolGRPC && protocol != protocolHTTP {
		complain("%s is %q: %s or %s", protocolName, protocol, protocolGRPC, protocolHTTP)
	}
	if u, err := url.Parse(endpoint); endpoint != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		complain("%s is %q: not an http or https address", endpointName, endpoint)
	}
	if name, timeout := first("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"); timeout != "" {
		if ms, err := strconv.Atoi(timeout); err != nil || ms < 0 {
			complain("%s is %q: not a number of milliseconds", name, timeout)
		}
	}
	samplerName, sampler := first("OTEL_TRACES_SAMPLER")
	known := []string{"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"}
	switch name, arg := first("OTEL_TRACES_SAMPLER_ARG"); {
	case sampler != "" && !slices.Contains(known, sampler):
		complain("%s is %q: %s", samplerName, sampler, strings.Join(known, ", "))
	case strings.HasSuffix(sampler, "traceidratio") && arg != "":
		if ratio, err := strconv.ParseFloat(arg, 64); err != nil || ratio < 0 || ratio > 1 {
			complain("%s is %q: not a ratio from 0 to 1", name, arg)
		}
	}
	return true, protocol, errors.Join(errs...)
}
