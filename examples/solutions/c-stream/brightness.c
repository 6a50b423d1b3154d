/* A dark picture is defective, in C99.
 *
 *     cc -O2 -std=c99 -o brightness brightness.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 65536, DARK = 128 };

/* Copies the text behind "key":" into value; the contract writes plain ids and paths. */
static int field(const char *line, const char *key, char *value, size_t size)
{
    char pattern[32];
    snprintf(pattern, sizeof pattern, "\"%s\":\"", key);
    const char *start = strstr(line, pattern);
    if (!start)
        return 0;
    start += strlen(pattern);
    size_t length = strcspn(start, "\"");
    if (length >= size)
        return 0;
    memcpy(value, start, length);
    value[length] = '\0';
    return 1;
}

/* Returns the mean brightness of a binary PGM, or -1 if it cannot be read whole. */
static int mean_brightness(const char *path)
{
    int width, height, depth, pixel;
    long long sum = 0, count = 0;
    FILE *picture = fopen(path, "rb");
    if (!picture)
        return -1;
    if (fscanf(picture, "P5 %d %d %d", &width, &height, &depth) == 3 && fgetc(picture) != EOF)
        for (; (pixel = fgetc(picture)) != EOF; count++)
            sum += pixel;
    else
        width = height = 0;
    fclose(picture);
    return count && count == (long long)width * height ? (int)(sum / count) : -1;
}

int main(void)
{
    static char line[LINE_BYTES], path[LINE_BYTES + 4096];
    char op[16], id[1024], name[4096];
    const char *inputs = getenv("LIUDU_IN");

    while (inputs && fgets(line, sizeof line, stdin)) {
        if (!field(line, "op", op, sizeof op) || strcmp(op, "end") == 0)
            break;
        if (!field(line, "id", id, sizeof id))
            return 1;
        int mean = -1;
        if (field(line, "path", name, sizeof name)) {
            snprintf(path, sizeof path, "%s/%s", inputs, name);
            mean = mean_brightness(path);
        }
        printf("{\"id\":\"%s\",\"label\":\"%s\"}\n", id, mean >= DARK ? "ok" : "defective");
        fflush(stdout); /* the runner waits for this line */
    }
    return 0;
}
