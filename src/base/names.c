/* names.c - the nearest known name, for messages about an unknown one. */
#include <string.h>

#include "base/context.h"

#define NAME_MAX_LENGTH 64

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Edits (insert, remove, replace, swap of neighbours) that turn a into b, case ignored: the optimal string alignment
 * distance by its three-row recurrence. Both lengths are at most NAME_MAX_LENGTH. */
static int edit_distance(const char *a, int a_length, const char *b, int b_length)
{
    int rows[3][NAME_MAX_LENGTH + 1];
    int *before = rows[0], *previous = rows[1], *current = rows[2];
    for (int j = 0; j <= b_length; j++)
        previous[j] = j;
    for (int i = 1; i <= a_length; i++) {
        current[0] = i;
        for (int j = 1; j <= b_length; j++) {
            int same = lower(a[i - 1]) == lower(b[j - 1]);
            int best = smaller(smaller(previous[j], current[j - 1]) + 1, previous[j - 1] + !same);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                best = smaller(best, before[j - 2] + 1);
            current[j] = best;
        }
        int *spare = before;
        before = previous;
        previous = current;
        current = spare;
    }
    return previous[b_length];
}

/* Near means at most a third of the longer name differs, and at least one edit is always allowed to names of two letters
 * and more. Of equally near names the first is taken. */
const char *numc__nearest_name(const char *name, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    int nearest_distance = NAME_MAX_LENGTH + 1;
    if (name == NULL)
        return NULL;
    size_t length = strlen(name);
    if (length == 0 || length > NAME_MAX_LENGTH)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (names[i] == NULL)
            continue;
        size_t other = strlen(names[i]);
        if (other == 0 || other > NAME_MAX_LENGTH)
            continue;
        int longer = (int)(other > length ? other : length);
        int allowed = longer < 2 ? 0 : longer < 6 ? 1 : longer / 3;
        int distance = edit_distance(name, (int)length, names[i], (int)other);
        if (distance <= allowed && distance < nearest_distance) {
            nearest = names[i];
            nearest_distance = distance;
        }
    }
    return nearest;
}
