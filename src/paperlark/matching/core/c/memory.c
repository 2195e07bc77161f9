/* Where large arrays stand. See growing.h. */
#define _DEFAULT_SOURCE /* for madvise */
#include "growing.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

/* Whole large pages: the end of an array is looked at as often as its beginning. */
void *memory_for(size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    enum { PAGE = 2 << 20 };
    if (bytes >= LARGE) {
        size_t whole = (bytes + PAGE - 1) / PAGE * PAGE;
        void *at = aligned_alloc(PAGE, whole);
        if (at)
            madvise(at, whole, MADV_HUGEPAGE); /* where it is refused, ordinary pages do */
        return at;
    }
#endif
    return malloc(bytes);
}
