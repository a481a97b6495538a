package txntoken

import (
	"io/fs"
	"testing"
)

func TestWhoMayReadAKeyFile(t *testing.T) {
	const root, box = 0, 65532
	for _, test := range []struct {
		name           string
		mode           fs.FileMode
		owner, process int
		want           bool
	}{
		{"its owner alone", 0o600, box, box, false},
		{"the group of one's own file is too many", 0o640, box, box, true},
		{"everybody is too many", 0o604, box, box, true},
		{"a secret that an orchestrator mounts is root's and the group's", 0o440, root, box, false},
		{"but not everybody's", 0o444, root, box, true},
		{"nor may the group write it", 0o460, root, box, true},
		{"root itself needs no group", 0o440, root, root, true},
		{"another's file is no orchestrator's", 0o440, 1000, box, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := tooOpen(test.mode, test.owner, test.process); got != test.want {
				t.Errorf("tooOpen(%#o, %d, %d) = %v", test.mode, test.owner, test.process, got)
			}
		})
	}
}
