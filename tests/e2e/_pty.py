"""Runs a program in a pseudo-terminal: _pty.py ROWS COLUMNS PROGRAM [ARGUMENT...]

Commands come as lines of JSON on stdin: {"keys": text}, {"size": [rows, columns]},
{"signal": "SIGCONT"}. Reports go to stdout, one JSON object a line: {"out": base64},
{"stopped": true}, {"modes": [echo, canonical]} after each report of a state, {"exit": status}.
"""
import base64
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios


def say(**report):
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


def size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def modes(fd):
    flags = termios.tcgetattr(fd)[3]
    say(modes=[bool(flags & termios.ECHO), bool(flags & termios.ICANON)])


def drain(fd):
    while select.select([fd], [], [], 0.05)[0]:
        try:
            data = os.read(fd, 65536)
        except OSError:
            return
        if not data:
            return
        say(out=base64.b64encode(data).decode())


rows, columns, *command = sys.argv[1:]
controller, terminal = pty.openpty()
size(terminal, int(rows), int(columns))
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(terminal, fd)
    os.closerange(3, 256)
    os.execvp(command[0], command)

pending = b""
has_input = True
while True:
    ready = select.select([controller] + ([0] if has_input else []), [], [], 0.05)[0]
    if controller in ready:
        data = os.read(controller, 65536)
        say(out=base64.b64encode(data).decode())
    if 0 in ready:
        data = os.read(0, 65536)
        has_input = bool(data)
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if "keys" in order:
                os.write(controller, order["keys"].encode())
            if "size" in order:
                size(controller, *order["size"])
            if "signal" in order:
                os.kill(pid, getattr(signal, order["signal"]))
        if not has_input:
            os.kill(pid, signal.SIGKILL)
    ended, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
    if ended and os.WIFSTOPPED(status):
        drain(controller)
        modes(controller)
        say(stopped=True)
    elif ended:
        drain(controller)
        modes(controller)
        say(exit=os.waitstatus_to_exitcode(status))
        break
