/* Where large arrays stand. See growing.h. */
#define _DEFAULT_SOURCE /* for madvise */
#include "growing.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

/* The end of an array is looked at as often as its beginning: it too has a large page, where it fills half of one. */
void *memory_for(size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    enum { PAGE = 2 << 20 };
    if (bytes >= LARGE) {
        void *at = aligned_alloc(PAGE, (bytes + PAGE - 1) / PAGE * PAGE);
        if (at)
            madvise(at, (bytes + PAGE / 2) / PAGE * PAGE, MADV_HUGEPAGE); /* where it is refused, ordinary pages do */
        return at;
    }
#endif
    return malloc(bytes);
}
