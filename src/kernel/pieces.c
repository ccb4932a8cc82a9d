/* pieces.c - the text in front of every kernel, cut into its definitions, so that a compiler reads only those a program needs: the whole
 * scalar kernel takes it longer than most kernels do.
 *
 * A piece is a macro, a type, a table or a function at the outermost level, found by its name. Other directives (which language this
 * is, what is not defined yet) belong to every program, a group from #if to #endif as one piece; the guard of a header is two. What a
 * program needs is every piece whose name is a word of its text, or of a piece it needs: perhaps too much, never too little. A word
 * before ## stands for all names that begin with it. */
#include "kernel/pieces.h"

#include <stdint.h>
#include <string.h>

enum { BUCKETS = 1024 };

typedef struct piece {
    const char *text, *name; /* name NULL: in every program */
    uint32_t size, name_size;
    int32_t next; /* of its bucket, or -1 */
} piece;

struct numc_pieces {
    numc_pieces_allocate *allocate;
    void *user;
    piece *list;
    size_t count, capacity;
    int32_t buckets[BUCKETS];
    bool failed;
};

typedef struct word {
    const char *text;
    uint32_t size;
    bool begins; /* ## follows */
} word;

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The next word at or behind `at`, numbers left out; NULL: none. Else where to go on. */
static const char *next_word(const char *at, const char *end, word *found)
{
    while (at < end) {
        const char *from = at;
        if (is_letter(*at)) {
            while (at < end && (is_letter(*at) || is_digit(*at)))
                at++;
            *found = (word){from, (uint32_t)(at - from), end - at >= 2 && at[0] == '#' && at[1] == '#'};
            return at;
        }
        if (is_digit(*at)) /* 0x1.8p+3: its letters are no words */
            while (at < end && (is_letter(*at) || is_digit(*at) || *at == '.'))
                at++;
        else
            at++;
    }
    return NULL;
}

static uint32_t bucket_of(const char *name, uint32_t size)
{
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    return hash % BUCKETS;
}

static void add(numc_pieces *p, const char *text, const char *end, word name)
{
    if (p->count == p->capacity) {
        size_t capacity = 2 * p->capacity + 512;
        piece *grown = p->allocate(p->user, p->list, p->capacity * sizeof *grown, capacity * sizeof *grown);
        if (grown == NULL) {
            p->failed = true;
            return;
        }
        p->list = grown;
        p->capacity = capacity;
    }
    piece *made = &p->list[p->count];
    *made = (piece){.text = text, .size = (uint32_t)(end - text), .name = name.text, .name_size = name.size, .next = -1};
    if (name.text != NULL) {
        uint32_t bucket = bucket_of(name.text, name.size);
        made->next = p->buckets[bucket];
        p->buckets[bucket] = (int32_t)p->count;
    }
    p->count++;
}

static bool starts(const char *at, const char *end, const char *with)
{
    size_t size = strlen(with);
    return (size_t)(end - at) >= size && memcmp(at, with, size) == 0;
}

static const char *line_end(const char *at, const char *end)
{
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    return stop != NULL ? stop + 1 : end;
}

/* Behind a directive with the lines that continue it; of a group, behind its #endif. */
static const char *directive_end(const char *at, const char *end)
{
    int open = 0;
    do {
        open += starts(at, end, "#if") ? 1 : starts(at, end, "#endif") ? -1 : 0;
        bool more;
        do {
            at = line_end(at, end);
            more = at < end && at[-2] == '\\';
        } while (more);
    } while (open > 0 && at < end);
    return at;
}

/* "#ifndef X" and "#define X", alone on their lines. */
static bool is_guard(const char *at, const char *end)
{
    const char *next = line_end(at, end);
    size_t length = (size_t)(next - at);
    return starts(at, end, "#ifndef ") && starts(next, end, "#define ") && (size_t)(line_end(next, end) - next) == length
           && memcmp(at + 8, next + 8, length - 8) == 0;
}

/* A type is named by its last word, anything else by the one before its first (, [, = or ;. */
static const char *declaration_end(const char *at, const char *end, word *name)
{
    bool type = starts(at, end, "typedef ") || starts(at, end, "struct "), named = false;
    int open = 0;
    word last = {0};
    for (const char *from = at; at < end; at++) {
        char c = *at;
        if (is_letter(c) && !(at > from && (is_letter(at[-1]) || is_digit(at[-1])))) {
            word found;
            (void)next_word(at, end, &found);
            if (!named && open == 0)
                last = found;
        }
        if ((c == '(' || c == '[' || c == '=') && !type)
            named = true;
        open += c == '(' || c == '[' || c == '{' ? 1 : c == ')' || c == ']' || c == '}' ? -1 : 0;
        bool ends = open == 0 && (c == ';' || (c == '}' && !type));
        if (ends && (at + 1 == end || at[1] == '\n')) {
            *name = last;
            return at + 1 == end ? end : at + 2;
        }
    }
    *name = (word){0};
    return end;
}

static void cut(numc_pieces *p, const char *text, size_t size)
{
    const char *at = text, *end = text + size;
    while (at < end && !p->failed) {
        const char *from = at;
        word name = {0};
        if (*at == '\n') {
            at++;
            continue;
        }
        if (is_guard(at, end))
            at = line_end(line_end(at, end), end);
        else if (*at == '#') {
            if (starts(at, end, "#define "))
                (void)next_word(at + 8, end, &name);
            at = starts(at, end, "#endif") ? line_end(at, end) : directive_end(at, end);
        } else
            at = declaration_end(at, end, &name);
        add(p, from, at, name);
    }
}

numc_pieces *numc__pieces_new(numc_pieces_allocate *allocate, void *user, const char *const *texts)
{
    numc_pieces *p = allocate(user, NULL, 0, sizeof *p);
    if (p == NULL)
        return NULL;
    *p = (numc_pieces){.allocate = allocate, .user = user};
    for (int i = 0; i < BUCKETS; i++)
        p->buckets[i] = -1;
    for (; *texts != NULL; texts++)
        cut(p, *texts, strlen(*texts));
    if (p->failed) {
        numc__pieces_end(p);
        return NULL;
    }
    return p;
}

void numc__pieces_end(numc_pieces *p)
{
    if (p == NULL)
        return;
    if (p->list != NULL)
        (void)p->allocate(p->user, p->list, p->capacity * sizeof *p->list, 0);
    (void)p->allocate(p->user, p, sizeof *p, 0);
}

/* What is needed and not yet looked through. */
typedef struct walk {
    const numc_pieces *pieces;
    int32_t *waiting;
    size_t count;
    bool *needed;
} walk;

static void need(walk *w, int32_t k)
{
    if (!w->needed[k]) {
        w->needed[k] = true;
        w->waiting[w->count++] = k;
    }
}

static void look_through(walk *w, const char *text, size_t size)
{
    const numc_pieces *p = w->pieces;
    const char *end = text + size;
    word found;
    while ((text = next_word(text, end, &found)) != NULL) {
        if (found.begins) {
            for (size_t k = 0; k < p->count; k++)
                if (p->list[k].name_size >= found.size && memcmp(p->list[k].name, found.text, found.size) == 0)
                    need(w, (int32_t)k);
            continue;
        }
        for (int32_t k = p->buckets[bucket_of(found.text, found.size)]; k >= 0; k = p->list[k].next)
            if (p->list[k].name_size == found.size && memcmp(p->list[k].name, found.text, found.size) == 0)
                need(w, k);
    }
}

bool numc__pieces_choose(const numc_pieces *p, const char *program, size_t size,
                         void (*take)(void *to, const char *text, size_t size), void *to)
{
    const size_t bytes = (p->count + 1) * (sizeof(int32_t) + sizeof(bool));
    int32_t *memory = p->allocate(p->user, NULL, 0, bytes);
    if (memory == NULL)
        return false;
    walk w = {.pieces = p, .waiting = memory, .needed = (bool *)(memory + p->count)};
    memset(w.needed, 0, p->count * sizeof *w.needed);
    for (size_t k = 0; k < p->count; k++)
        if (p->list[k].name == NULL)
            need(&w, (int32_t)k);
    look_through(&w, program, size);
    while (w.count > 0) {
        const piece *next = &p->list[w.waiting[--w.count]];
        look_through(&w, next->text, next->size);
    }
    for (size_t k = 0; k < p->count; k++)
        if (w.needed[k])
            take(to, p->list[k].text, p->list[k].size);
    (void)p->allocate(p->user, memory, bytes, 0);
    return true;
}
