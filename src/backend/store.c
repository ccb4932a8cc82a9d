/* store.c - objects on disk: a private folder, each object with the text it was made of and a sum of its bytes behind it, so
 * that a stale, cut or damaged file is never loaded. Processes may share it: a file gets its name only when it is whole. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backend/internal.h"
#include "base/containers.h"
#include "base/text.h"
#include "backend/store.h"

/* Behind an object: its text, then this. */
typedef struct trailer {
    uint64_t object_size, text_size, sum;
    char mark[8];
} trailer;
static const char mark[8] = "numcjit1";

/* ---- the folder ---------------------------------------------------------------------------------------------------------- */

static bool is_private(const char *folder, char *reason)
{
    struct stat facts;
    if (lstat(folder, &facts) != 0) {
        (void)numc__format(reason, NUMC_NATIVE_REASON, "%s: %s", folder, strerror(errno));
        return false;
    }
    if (!S_ISDIR(facts.st_mode) || facts.st_uid != geteuid() || (facts.st_mode & 077) != 0) {
        (void)numc__format(reason, NUMC_NATIVE_REASON, "%s is not a folder that only its owner, this user, can open", folder);
        return false;
    }
    return true;
}

bool numc__store_open(numc_store *store, char *reason)
{
    const char *chosen = numc__environment("NUMC_CACHE"), *base = numc__environment("XDG_CACHE_HOME");
    const char *home = numc__environment("HOME");
    char parent[NUMC_NATIVE_PATH] = "";
    store->folder[0] = '\0';
    store->chosen = chosen != NULL && chosen[0] != '\0';
    if (store->chosen && chosen[0] == '/' && strlen(chosen) + 80 < sizeof store->folder) {
        (void)numc__format(store->folder, sizeof store->folder, "%s", chosen);
    } else if (!store->chosen && base != NULL && base[0] == '/' && strlen(base) + 80 < sizeof store->folder) {
        (void)numc__format(parent, sizeof parent, "%s", base);
        (void)numc__format(store->folder, sizeof store->folder, "%s/numc", base);
    } else if (!store->chosen && home != NULL && home[0] == '/' && strlen(home) + 80 < sizeof store->folder) {
        (void)numc__format(parent, sizeof parent, "%s/.cache", home);
        (void)numc__format(store->folder, sizeof store->folder, "%s/.cache/numc", home);
    } else {
        (void)numc__format(reason, NUMC_NATIVE_REASON, store->chosen ? "its path is too long"
                                                                  : "neither XDG_CACHE_HOME nor HOME names an absolute folder");
        return false;
    }
    if (parent[0] != '\0')
        (void)mkdir(parent, 0700);
    if (mkdir(store->folder, 0700) != 0 && errno != EEXIST) {
        (void)numc__format(reason, NUMC_NATIVE_REASON, "%s: %s", store->folder, strerror(errno));
        store->folder[0] = '\0';
        return false;
    }
    if (!is_private(store->folder, reason)) {
        store->folder[0] = '\0';
        return false;
    }
    return true;
}

void numc__store_complain(numc_core *core, const numc_store *store, const char *reason)
{
    if (!atomic_exchange_explicit(&core->cache_failed, true, memory_order_relaxed))
        numc__log(core, store->chosen ? NUMC_LOG_WARNING : NUMC_LOG_INFO, "compiled code is not cached: %s%s",
                  store->chosen ? "NUMC_CACHE: " : "", reason);
}

/* ---- reading ------------------------------------------------------------------------------------------------------------- */

static void path_of(const numc_store *store, const char *text, size_t size, char *path)
{
    (void)numc__format(path, NUMC_NATIVE_PATH, "%s/%llx-%llx.so", store->folder, (unsigned long long)numc__hash_bytes(text, size),
                       (unsigned long long)size);
}

static bool read_all(int file, char *to, uint64_t size, uint64_t at)
{
    while (size > 0) {
        ssize_t count = pread(file, to, size, (off_t)at);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        to += count;
        at += (uint64_t)count;
        size -= (uint64_t)count;
    }
    return true;
}

static bool is_whole(numc_core *core, int file, const char *text, size_t size)
{
    struct stat facts;
    trailer end;
    if (fstat(file, &facts) != 0 || facts.st_size < (off_t)sizeof end || facts.st_size > (off_t)NUMC_STORE_BYTES
        || !read_all(file, (char *)&end, sizeof end, (uint64_t)facts.st_size - sizeof end)
        || memcmp(end.mark, mark, sizeof mark) != 0 || end.text_size != size
        || end.object_size != (uint64_t)facts.st_size - sizeof end - size)
        return false;
    uint64_t bytes = end.object_size + size;
    char *all = numc__core_allocate(core, bytes);
    bool whole = all != NULL && read_all(file, all, bytes, 0) && memcmp(all + end.object_size, text, size) == 0
                 && numc__hash_bytes(all, end.object_size) == end.sum;
    numc__core_free(core, all, bytes);
    return whole;
}

bool numc__store_find(numc_core *core, const numc_store *store, const char *text, size_t size, char *path)
{
    if (store->folder[0] == '\0')
        return false;
    path_of(store, text, size, path);
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); /* or a pipe of that name would wait */
    if (file < 0)
        return false;
    struct stat facts;
    bool whole = fstat(file, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_uid == geteuid() && (facts.st_mode & 077) == 0
                 && is_whole(core, file, text, size);
    if (whole)
        (void)futimens(file, NULL); /* the oldest are removed first */
    (void)close(file);
    return whole;
}

/* ---- writing ------------------------------------------------------------------------------------------------------------- */

bool numc__store_temporary(const numc_store *store, char *path, char *reason)
{
    const char *base = numc__environment("TMPDIR");
    if (store->folder[0] != '\0') {
        (void)numc__format(path, NUMC_NATIVE_PATH, "%s/new-XXXXXX", store->folder);
        int file = mkostemp(path, O_CLOEXEC);
        if (file < 0)
            (void)numc__format(reason, NUMC_NATIVE_REASON, "no file in %s: %s", store->folder, strerror(errno));
        else
            (void)close(file);
        return file >= 0;
    }
    if (base == NULL || base[0] != '/' || strlen(base) + 80 > NUMC_NATIVE_PATH)
        base = "/tmp";
    (void)numc__format(path, NUMC_NATIVE_PATH, "%s/numc-XXXXXX", base);
    if (mkdtemp(path) == NULL) {
        (void)numc__format(reason, NUMC_NATIVE_REASON, "no folder in %s: %s", base, strerror(errno));
        return false;
    }
    (void)numc__format(path + strlen(path), NUMC_NATIVE_PATH - strlen(path), "/new");
    return true;
}

void numc__store_drop(const numc_store *store, const char *temporary)
{
    (void)unlink(temporary);
    if (store->folder[0] == '\0') {
        char folder[NUMC_NATIVE_PATH];
        (void)numc__format(folder, sizeof folder, "%.*s", (int)(strrchr(temporary, '/') - temporary), temporary);
        (void)rmdir(folder);
    }
}

/* Names of our own: new-XXXXXX, and hexadecimal-hexadecimal.so. The folder may hold other files, which are left alone. */
static bool is_new(const char *name)
{
    return strncmp(name, "new-", 4) == 0 && strlen(name) == 10;
}

static bool is_object(const char *name)
{
    size_t first = strspn(name, "0123456789abcdef");
    if (first == 0 || name[first] != '-')
        return false;
    size_t second = strspn(name + first + 1, "0123456789abcdef");
    return second > 0 && strcmp(name + first + 1 + second, ".so") == 0;
}

/* Removes the oldest objects, and what a process that died left half written an hour ago, until the rest fits. */
static void trim(const numc_store *store)
{
    for (;;) {
        DIR *folder = opendir(store->folder);
        struct dirent *entry;
        struct stat facts;
        char oldest[NUMC_NATIVE_PATH] = "";
        int64_t total = 0, age = INT64_MAX;
        while (folder != NULL && (entry = readdir(folder)) != NULL) {
            bool stray = is_new(entry->d_name);
            if ((!stray && !is_object(entry->d_name)) || fstatat(dirfd(folder), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(facts.st_mode))
                continue;
            if (stray && time(NULL) - facts.st_mtime > 3600)
                (void)unlinkat(dirfd(folder), entry->d_name, 0);
            total += (int64_t)facts.st_size;
            if (!stray && (int64_t)facts.st_mtime < age) {
                age = (int64_t)facts.st_mtime;
                (void)numc__format(oldest, sizeof oldest, "%s/%s", store->folder, entry->d_name);
            }
        }
        if (folder != NULL)
            (void)closedir(folder);
        if (total <= NUMC_STORE_BYTES || oldest[0] == '\0' || unlink(oldest) != 0)
            return;
    }
}

bool numc__store_put(numc_core *core, const numc_store *store, const char *text, size_t size, const char *temporary, char *path,
                     char *reason)
{
    if (store->folder[0] == '\0') {
        (void)numc__format(path, NUMC_NATIVE_PATH, "%s", temporary);
        return true;
    }
    struct stat facts;
    int file = open(temporary, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    char *object = NULL;
    uint64_t bytes = 0;
    bool good = file >= 0 && fchmod(file, 0600) == 0 && fstat(file, &facts) == 0;
    if (good) {
        bytes = (uint64_t)facts.st_size;
        object = numc__core_allocate(core, bytes);
        good = object != NULL && read_all(file, object, bytes, 0);
    }
    if (good) {
        trailer end = {.object_size = bytes, .text_size = size, .sum = numc__hash_bytes(object, bytes)};
        memcpy(end.mark, mark, sizeof mark);
        good = pwrite(file, text, size, (off_t)bytes) == (ssize_t)size
               && pwrite(file, &end, sizeof end, (off_t)(bytes + size)) == (ssize_t)sizeof end;
    }
    numc__core_free(core, object, bytes);
    path_of(store, text, size, path);
    good = good && rename(temporary, path) == 0;
    if (!good)
        (void)numc__format(reason, NUMC_NATIVE_REASON, "%s cannot be written: %s", path, strerror(errno));
    if (file >= 0)
        (void)close(file);
    if (good)
        trim(store);
    return good;
}

/* ---- bytes --------------------------------------------------------------------------------------------------------------- */

void *numc__store_read(numc_core *core, const numc_store *store, const char *text, size_t size, uint64_t *bytes)
{
    char path[NUMC_NATIVE_PATH];
    *bytes = 0;
    if (!numc__store_find(core, store, text, size, path))
        return NULL;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat facts;
    trailer end;
    void *all = NULL;
    if (file >= 0 && fstat(file, &facts) == 0 && facts.st_size > (off_t)sizeof end
        && read_all(file, (char *)&end, sizeof end, (uint64_t)facts.st_size - sizeof end)
        && end.object_size == (uint64_t)facts.st_size - sizeof end - size && end.object_size > 0
        && (all = numc__core_allocate(core, (size_t)end.object_size)) != NULL) {
        if (read_all(file, all, end.object_size, 0) && numc__hash_bytes(all, (size_t)end.object_size) == end.sum)
            *bytes = end.object_size;
        else {
            numc__core_free(core, all, (size_t)end.object_size);
            all = NULL;
        }
    }
    if (file >= 0)
        (void)close(file);
    return all;
}

bool numc__store_write(numc_core *core, const numc_store *store, const char *text, size_t size, const void *bytes, uint64_t count)
{
    char temporary[NUMC_NATIVE_PATH], path[NUMC_NATIVE_PATH], reason[NUMC_NATIVE_REASON];
    if (store->folder[0] == '\0' || !numc__store_temporary(store, temporary, reason))
        return false;
    int file = open(temporary, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    bool good = file >= 0 && write(file, bytes, (size_t)count) == (ssize_t)count;
    if (file >= 0)
        (void)close(file);
    good = good && numc__store_put(core, store, text, size, temporary, path, reason);
    if (!good)
        numc__store_drop(store, temporary);
    return good;
}
