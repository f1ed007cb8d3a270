/* evp BUFFER_BYTES BUFFERS ROUNDS: SHA-256 of many buffers, one after another, by OpenSSL's EVP. Prints the sum of
 * all digests, as native/digest/examples/many_buffers.rs does. */
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  size_t size = strtoul(argv[1], NULL, 10), count = strtoul(argv[2], NULL, 10);
  unsigned long rounds = strtoul(argv[3], NULL, 10);
  unsigned char *buffers = malloc(size * count), digest[32], sum[32] = {0};
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL); /* once: fetching costs as much as a small file */
  if (buffers == NULL || context == NULL || sha256 == NULL) return 2;
  for (size_t i = 0; i < size * count; i++) buffers[i] = (unsigned char)((uint64_t)i * 2654435761u >> 16);
  for (unsigned long round = 0; round < rounds; round++)
    for (size_t i = 0; i < count; i++) {
      if (!EVP_DigestInit_ex2(context, sha256, NULL) || !EVP_DigestUpdate(context, buffers + i * size, size) ||
          !EVP_DigestFinal_ex(context, digest, NULL))
        return 2;
      for (int byte = 0; byte < 32; byte++) sum[byte] += digest[byte];
    }
  for (int byte = 0; byte < 32; byte++) printf("%02x", sum[byte]);
  puts("");
  return 0;
}
