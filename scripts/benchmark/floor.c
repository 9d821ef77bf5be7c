/*
 * Reference implementation without an agent, to which scripts/bench compares.
 * Prints one line per round or event.
 *
 *   floor pread ROUNDS BUFFER   reads the paths on stdin, with the files kept open, except lists (the
 *                               kernel creates them once per open file) and files beyond the limit of
 *                               open files; prints the CPU nanoseconds of each round
 *   floor inotify DIRECTORY     prints the name of each directory created in it
 *   floor kmsg                  prints the number of each kernel log record with "Killed process"
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

static long long cpu_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int floor_pread(int rounds, size_t size) {
  static struct { char *path; int fd; } files[1 << 20];
  char line[8192], *buffer = malloc(size);
  size_t count = 0;
  int spare = open("/dev/null", O_RDONLY);
  while (count < 1 << 20 && fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    files[count].path = strdup(line);
    files[count].fd = strstr(line, "/cgroup.procs") ? -1 : open(line, O_RDONLY);
    count++;
  }
  close(spare);
  /* The first round warms. */
  for (int round = -1; round < rounds; round++) {
    long long start = cpu_ns();
    for (size_t i = 0; i < count; i++) {
      int fd = files[i].fd >= 0 ? files[i].fd : open(files[i].path, O_RDONLY);
      if (fd < 0) return perror(files[i].path), 1;
      off_t at = 0;
      ssize_t length;
      while ((length = pread(fd, buffer, size, at)) > 0) at += length;
      if (files[i].fd < 0) close(fd);
    }
    if (round >= 0) printf("%lld\n", cpu_ns() - start);
  }
  return 0;
}

static int floor_inotify(const char *directory) {
  char buffer[65536] __attribute__((aligned(8)));
  int fd = inotify_init1(0);
  if (inotify_add_watch(fd, directory, IN_CREATE) < 0) return 1;
  puts("ready");
  fflush(stdout);
  for (ssize_t length; (length = read(fd, buffer, sizeof buffer)) > 0;) {
    for (char *at = buffer; at < buffer + length;) {
      struct inotify_event *event = (struct inotify_event *)at;
      puts(event->name);
      at += sizeof *event + event->len;
    }
    fflush(stdout);
  }
  return 0;
}

static int floor_kmsg(void) {
  char buffer[8704];
  int fd = open("/dev/kmsg", O_RDONLY);
  if (fd < 0 || lseek(fd, 0, SEEK_END) < 0) return 1;
  puts("ready");
  fflush(stdout);
  for (;;) {
    ssize_t length = read(fd, buffer, sizeof buffer - 1);
    if (length < 0) continue;
    buffer[length] = 0;
    if (!strstr(buffer, "Killed process ")) continue;
    printf("%ld\n", strtol(strchr(buffer, ',') + 1, NULL, 10));
    fflush(stdout);
  }
}

int main(int argc, char **argv) {
  if (argc == 4 && !strcmp(argv[1], "pread")) return floor_pread(atoi(argv[2]), strtoul(argv[3], NULL, 10));
  if (argc == 3 && !strcmp(argv[1], "inotify")) return floor_inotify(argv[2]);
  if (argc == 2 && !strcmp(argv[1], "kmsg")) return floor_kmsg();
  return 2;
}
