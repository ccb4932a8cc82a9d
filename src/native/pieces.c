/* pieces.c - of libraries of C text, the definitions that a program uses: a compiler spends more time on the whole scalar kernel than
 * on a small program. */
#include "native/native.h"

#include <string.h>

#include "base/containers.h"

/* A form feed stands before each definition; what comes before the first one of a text is always taken. The names of a piece are the
 * identifiers with the project's prefix that occur in it first (make_text.py holds the kernel to that); one without names is taken
 * too. A piece that is used uses what is before it. */
enum { MOST_NAMES = 4096, MOST_PIECES = 1024 };

typedef struct name {
    const char *at;
    uint32_t length, piece;
} name;

typedef struct pieces {
    name names[MOST_NAMES]; /* open addressing */
    const char *from[MOST_PIECES + 1];
    bool used[MOST_PIECES];
    uint32_t count, name_count;
} pieces;

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The next name in [*from, end), which moves behind it; its length, 0 when there is none. */
static size_t next_name(const char **from, const char *end, const char **found)
{
    const char *at = *from;
    while (at < end) {
        size_t length = 0;
        while (at + length < end && is_letter(at[length]))
            length++;
        *found = at;
        at += length > 0 ? length : 1;
        *from = at;
        if (length > 5 && (memcmp(*found, "numc_", 5) == 0 || memcmp(*found, "NUMC_", 5) == 0))
            return length;
    }
    return 0;
}

static name *slot_of(pieces *p, const char *at, size_t length)
{
    uint32_t k = (uint32_t)numc__hash_bytes(at, length) % MOST_NAMES;
    while (p->names[k].at != NULL && (p->names[k].length != length || memcmp(p->names[k].at, at, length) != 0))
        k = (k + 1) % MOST_NAMES;
    return &p->names[k];
}

/* Cuts a library up. False when it has more than there is room for. */
static bool cut(pieces *p, const char *library)
{
    bool always = true;
    for (const char *at = library, *end, *found; *at != '\0'; at = end) {
        at += *at == '\f';
        end = at + strcspn(at, "\f");
        if (p->count == MOST_PIECES)
            return false;
        bool named = false;
        size_t length;
        for (const char *from = at; (length = next_name(&from, end, &found)) > 0;) {
            name *slot = slot_of(p, found, length);
            if (slot->at != NULL)
                continue;
            if (++p->name_count > MOST_NAMES / 2)
                return false;
            *slot = (name){found, (uint32_t)length, p->count};
            named = true;
        }
        p->from[p->count] = at;
        p->used[p->count++] = always || !named;
        always = false;
    }
    return true;
}

static void mark(pieces *p, const char *from, const char *end)
{
    const char *found;
    for (size_t length; (length = next_name(&from, end, &found)) > 0;) {
        const name *slot = slot_of(p, found, length);
        if (slot->at != NULL)
            p->used[slot->piece] = true;
    }
}

bool numc__native_pieces(numc_text *text, const char *const *libraries, const char *program)
{
    pieces *p = numc__core_allocate(text->core, sizeof *p);
    if (p == NULL)
        return false;
    memset(p, 0, sizeof *p);
    bool good = true;
    for (; *libraries != NULL && good; libraries++)
        good = cut(p, *libraries);
    if (good)
        mark(p, program, program + strlen(program));
    for (uint32_t k = p->count; good && k-- > 0;)
        if (p->used[k])
            mark(p, p->from[k], p->from[k] + strcspn(p->from[k], "\f"));
    for (uint32_t k = 0; good && k < p->count; k++)
        if (p->used[k])
            numc__text_add_bytes(text, p->from[k], strcspn(p->from[k], "\f"));
    numc__core_free(text->core, p, sizeof *p);
    return good && !text->failed;
}
