package kittest

import (
	"os/exec"
	"syscall"
)

// endWithThisProcess has a process end with the test's, also when that is killed.
func endWithThisProcess(process *exec.Cmd) {
	process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
