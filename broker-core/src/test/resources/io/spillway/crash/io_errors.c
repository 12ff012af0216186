/*
 * Preloaded into a broker: once the file named by IO_ERRORS_TRIGGER exists, what that file names
 * ("write" or "sync") fails with EIO on every file whose name ends in ".wal", as on a failing disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int fails(int fd, const char *kind) {
  const char *trigger = getenv("IO_ERRORS_TRIGGER");
  char text[16] = {0};
  char link[64];
  char path[4096];
  FILE *file = trigger == NULL ? NULL : fopen(trigger, "r");
  if (file == NULL) {
    return 0;
  }
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (length == 0 || size < 4 || strncmp(text, kind, strlen(kind)) != 0) {
    return 0;
  }
  path[size] = 0;
  if (strcmp(path + size - 4, ".wal") != 0) {
    return 0;
  }
  errno = EIO;
  return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *from, size_t count) {
  return fails(fd, "write") ? -1 : REAL(write)(fd, from, count);
}

ssize_t writev(int fd, const struct iovec *from, int count) {
  return fails(fd, "write") ? -1 : REAL(writev)(fd, from, count);
}

ssize_t pwrite(int fd, const void *from, size_t count, off_t offset) {
  return fails(fd, "write") ? -1 : REAL(pwrite)(fd, from, count, offset);
}

ssize_t pwrite64(int fd, const void *from, size_t count, off64_t offset) {
  return fails(fd, "write") ? -1 : REAL(pwrite64)(fd, from, count, offset);
}

int fsync(int fd) { return fails(fd, "sync") ? -1 : REAL(fsync)(fd); }

int fdatasync(int fd) { return fails(fd, "sync") ? -1 : REAL(fdatasync)(fd); }
