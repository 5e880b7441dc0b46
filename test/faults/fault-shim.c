/*
 * Makes writes and fsync of the spool fail: the file named by FAULT_FILE holds EIO-WRITE, EIO-FSYNC or EDQUOT, or is not
 * there. Loaded into the daemon by LD_PRELOAD. Only files whose name begins with "spool.db" in a folder of these
 * tests are touched, the lock apart; with EDQUOT those that a program makes next to it too.
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

static int open_real(const char *path) {
  static int (*real)(const char *, int, ...);
  if (!real) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
  return real(path, O_RDONLY | O_CLOEXEC);
}

static int is_spool(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  const char *name = strstr(path, "sms-spoold-faults-");
  name = name ? strchr(name, '/') : NULL;
  return name && strncmp(name, "/spool.db", 9) == 0 && !strstr(name, ".lock") && !strstr(name, "-shm");
}

static int fault(int fd, int is_fsync) {
  const char *file = getenv("FAULT_FILE");
  if (!file || !is_spool(fd)) return 0;
  int control = open_real(file);
  if (control < 0) return 0;
  char word[16] = {0};
  ssize_t count = read(control, word, sizeof word - 1);
  close(control);
  if (count <= 0) return 0;
  if (strncmp(word, "EIO-FSYNC", 9) == 0) return is_fsync ? EIO : 0;
  if (is_fsync) return 0;
  if (strncmp(word, "EIO-WRITE", 9) == 0) return EIO;
  return strncmp(word, "EDQUOT", 6) == 0 ? EDQUOT : 0;
}

#define WRAP(type, name, is_fsync, params, args)                       \
  type name params {                                                   \
    static type(*real) params;                                         \
    if (!real) real = (type(*) params)dlsym(RTLD_NEXT, #name);         \
    int code = fault(fd, is_fsync);                                    \
    if (code) {                                                        \
      errno = code;                                                    \
      return -1;                                                       \
    }                                                                  \
    return real args;                                                  \
  }

WRAP(ssize_t, write, 0, (int fd, const void *buf, size_t n), (fd, buf, n))
WRAP(ssize_t, pwrite, 0, (int fd, const void *buf, size_t n, off_t at), (fd, buf, n, at))
WRAP(ssize_t, pwrite64, 0, (int fd, const void *buf, size_t n, off64_t at), (fd, buf, n, at))
WRAP(ssize_t, writev, 0, (int fd, const struct iovec *v, int n), (fd, v, n))
WRAP(ssize_t, pwritev, 0, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))
WRAP(int, fsync, 1, (int fd), (fd))
WRAP(int, fdatasync, 1, (int fd), (fd))
