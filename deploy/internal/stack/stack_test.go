package stack

import (
	"net"
	"strings"
	"testing"
)

func TestAPortThatCannotBeOpenedNamesItsSettingAndBlamesAnotherProgramOnlyForOneInUse(t *testing.T) {
	const setting, another = "OKR_MCP_ADDR", "another program uses the port"
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, other := range []string{"OKR_DEVIDP_ADDR", "OKR_AUTHZ_ADDR", "OKR_STORE_ADDR", "OKR_REST_ADDR"} {
		t.Setenv(other, "127.0.0.1:0")
	}
	for name, test := range map[string]struct {
		address string
		blames  bool
	}{
		"one that another program uses": {taken.Addr().String(), true},
		"one that is a word":            {"127.0.0.1:http-alternative", false},
		"an address without a port":     {"127.0.0.1", false},
		"another machine's":             {"192.0.2.1:0", false},
	} {
		t.Setenv(setting, test.address)
		_, err := listen(t.Context(), false, map[string]string{})
		if err == nil || !strings.Contains(err.Error(), setting) || strings.Contains(err.Error(), another) != test.blames {
			t.Errorf("%s: %v, want %s named, and another program blamed: %t", name, err, setting, test.blames)
		}
	}
}
