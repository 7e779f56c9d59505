// Numbers as the kernels see them: stored as fp32 or bfloat16, computed in fp32.
#pragma once
#include <cstdint>
#include <cstring>

struct bf16 {
    uint16_t bits;
};

// T is how a library stores its numbers: each source is compiled once for each type.
#ifndef T
#define T float
#endif

static inline float load(float x) { return x; }
static inline float load(bf16 x) {
    uint32_t wide = (uint32_t)x.bits << 16;
    float value;
    memcpy(&value, &wide, 4);
    return value;
}

static inline void store(float &to, float x) { to = x; }
static inline void store(bf16 &to, float x) {  // to nearest, ties to even
    uint32_t wide;
    memcpy(&wide, &x, 4);
    to.bits = (uint16_t)((wide + 0x7fff + ((wide >> 16) & 1)) >> 16);
}

// exp(x) within 2 ulp, in a form that compilers vectorise: 2^k · p(r) with |r| ≤ ln 2 / 2. Exact 0 below −87.
static inline float fast_exp(float x) {
    float bounded = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    float k = __builtin_floorf(bounded * 1.44269504f + 0.5f);
    float r = (bounded - k * 0.693359375f) + k * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    uint32_t power = (uint32_t)((int32_t)k + 127) << 23;
    float scale;
    memcpy(&scale, &power, 4);
    return x < -87.0f ? 0.0f : p * scale;
}

static inline float sigmoid(float x) { return 1.0f / (1.0f + fast_exp(-x)); }

static inline float larger(float a, float b) { return a > b ? a : b; }
