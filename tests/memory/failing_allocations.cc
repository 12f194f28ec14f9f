// A library to preload, whose allocations fail where the environment says so: those from number
// LASSO_FAIL_AT on (0: none), LASSO_FAIL_COUNT of them (default 1; 0: all that follow). With
// LASSO_ALLOCATIONS_FILE the number of allocations is written to that file at the end.
//
// An allocation is a call of malloc, calloc, realloc or one of its kin with a size, or of mmap for
// memory of no file, from the beginning of main() on: what constructors of static objects throw
// nobody can catch. What OpenMP's runtime, oneDNN and the dynamic loader ask for is left alone and
// not counted: they end the process when they get nothing.
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

struct Range {
  std::uintptr_t begin;
  std::uintptr_t end;
};

// Code whose allocations never fail.
Range exempt[8];
int exempt_count = 0;
std::uint64_t first_failing = 0;
std::uint64_t last_failing = 0;
std::atomic<std::uint64_t> allocations{0};
std::atomic<bool> is_counting{false};
int (*real_main)(int, char**, char**) = nullptr;

int counted_main(int argc, char** argv, char** environment) {
  is_counting = true;
  return real_main(argc, argv, environment);
}

std::uint64_t number_of(const char* name, std::uint64_t without) {
  const char* text = std::getenv(name);
  return text == nullptr ? without : std::strtoull(text, nullptr, 10);
}

int find_exempt(dl_phdr_info* info, std::size_t /*size*/, void* /*data*/) {
  const auto is = [info](const char* name) {
    return std::strstr(info->dlpi_name, name) != nullptr;
  };
  if (!is("/libgomp") && !is("/libdnnl") && !is("/ld-linux")) return 0;
  for (int i = 0; i < info->dlpi_phnum && exempt_count < 8; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
    const std::uintptr_t begin = info->dlpi_addr + header.p_vaddr;
    exempt[exempt_count++] = {begin, begin + header.p_memsz};
  }
  return 0;
}

__attribute__((constructor)) void begin() {
  dl_iterate_phdr(find_exempt, nullptr);
  first_failing = number_of("LASSO_FAIL_AT", 0);
  const std::uint64_t count = number_of("LASSO_FAIL_COUNT", 1);
  last_failing = count == 0 ? UINT64_MAX : first_failing + count - 1;
}

__attribute__((destructor)) void end() {
  const char* path = std::getenv("LASSO_ALLOCATIONS_FILE");
  if (path == nullptr) return;
  char text[32];
  const int length = std::snprintf(text, sizeof(text), "%llu\n",
                                   static_cast<unsigned long long>(allocations.load()));
  const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0 || write(file, text, static_cast<std::size_t>(length)) != length) std::abort();
  close(file);
}

// Whether this allocation, of the code at `caller`, is to fail.
bool fails(void* caller) {
  if (!is_counting) return false;
  const auto address = reinterpret_cast<std::uintptr_t>(caller);
  for (int i = 0; i < exempt_count; ++i) {
    if (address >= exempt[i].begin && address < exempt[i].end) return false;
  }
  const std::uint64_t number = ++allocations;
  if (first_failing == 0 || number < first_failing || number > last_failing) return false;
  errno = ENOMEM;
  return true;
}

}  // namespace

#define CALLER __builtin_extract_return_addr(__builtin_return_address(0))

extern "C" {

int __libc_start_main(int (*main)(int, char**, char**), int argc, char** argv, void (*init)(),
                      void (*fini)(), void (*rtld_fini)(), void* stack_end) {
  real_main = main;
  const auto start =
      reinterpret_cast<decltype(&__libc_start_main)>(dlsym(RTLD_NEXT, "__libc_start_main"));
  return start(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}

void* malloc(std::size_t size) { return fails(CALLER) ? nullptr : __libc_malloc(size); }
void* calloc(std::size_t count, std::size_t size) {
  return fails(CALLER) ? nullptr : __libc_calloc(count, size);
}
void* realloc(void* block, std::size_t size) {
  return size > 0 && fails(CALLER) ? nullptr : __libc_realloc(block, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  return fails(CALLER) ? nullptr : __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return fails(CALLER) ? nullptr : __libc_memalign(alignment, size);
}
int posix_memalign(void** block, std::size_t alignment, std::size_t size) {
  if (fails(CALLER)) return ENOMEM;
  *block = __libc_memalign(alignment, size);
  return *block == nullptr ? ENOMEM : 0;
}
void* mmap(void* address, std::size_t size, int protection, int flags, int file, off_t offset) {
  if ((flags & MAP_ANONYMOUS) != 0 && fails(CALLER)) return MAP_FAILED;
  return reinterpret_cast<void*>(syscall(SYS_mmap, address, size, protection, flags, file, offset));
}
void* mmap64(void* address, std::size_t size, int protection, int flags, int file, off_t offset) {
  return mmap(address, size, protection, flags, file, offset);
}

}  // extern "C"
