// One step of decoding between the matrix products: rows of one token each, with their keys and values in memory.
//
// Shapes: A active rows, H query heads, G key heads, W width of a head (padded to P, whole vectors, where it is stored),
// S places of a slot (whole blocks), V vocabulary. Keys are stored in blocks of 16 places, (slot, G, S/16, P, 16), so
// that 16 scores are summed side by side; values as (slot, G, S, P).
// A row's result does not depend on its neighbours or on timing: one thread computes it, in a fixed order.
#include <cmath>
#include <vector>
#include "scalar.h"

static const int64_t LANES = 16, LINE = 64 / sizeof(T);
typedef float lanes __attribute__((vector_size(64)));
typedef uint16_t narrow __attribute__((vector_size(32)));
typedef uint32_t wide __attribute__((vector_size(64)));

static inline lanes load_lanes(const float *from) {
    lanes value;
    memcpy(&value, from, sizeof(value));
    return value;
}
static inline lanes load_lanes(const bf16 *from) {
    narrow value;
    memcpy(&value, from, sizeof(value));
    return (lanes)(__builtin_convertvector(value, wide) << 16);
}

static inline int64_t padded(int64_t width) { return (width + LANES - 1) / LANES * LANES; }

// Where the keys or values of (slot, head) begin.
static inline int64_t shelf(int64_t slot, int64_t head, int64_t G, int64_t S, int64_t P) { return (slot * G + head) * S * P; }

static inline void put_key(T *keys, const T *key, int64_t place, int64_t W, int64_t P) {
    T *block = keys + place / LANES * LANES * P + place % LANES;
    for (int64_t w = 0; w < W; w++) block[w * LANES] = key[w];
}

// What the next item reads is asked for meanwhile: all rows' keys and values fit into no cache, and each run of them ends
// before a processor foresees it. Into the second level: two items do not fit into the first.
static inline void ask_for(const T *line) { __builtin_prefetch(line, 0, 2); }

// scores[place] = q · key for all places of the blocks that hold the first `num`.
static inline void put_scores(const float *q, const T *keys, const T *next, float *scores, int64_t num, int64_t P) {
    for (int64_t start = 0; start < num; start += LANES) {
        const T *key = keys + start * P;
        for (int64_t i = 0; i < LANES * P; i += LINE) ask_for(next + start * P + i);
        lanes a = {}, b = {}, c = {}, d = {};  // four sums, so that no addition waits for the one before
        for (int64_t w = 0; w < P; w += 4) {
            a += q[w] * load_lanes(key + w * LANES);
            b += q[w + 1] * load_lanes(key + (w + 1) * LANES);
            c += q[w + 2] * load_lanes(key + (w + 2) * LANES);
            d += q[w + 3] * load_lanes(key + (w + 3) * LANES);
        }
        a = (a + b) + (c + d);
        memcpy(scores + start, &a, sizeof(a));
    }
}

// N vectors of Σ p · value over the places of a shelf, added to sums.
template <int N>
static inline void add_mix(lanes *sum, const float *p, const T *values, const T *next, int64_t num, int64_t P) {
    for (int64_t j = 0; j < num; j++) {
        for (int64_t i = 0; i < N * LANES; i += LINE) ask_for(next + j * P + i);
        for (int n = 0; n < N; n++) sum[n] += p[j] * load_lanes(values + j * P + n * LANES);
    }
}

// N vectors of Σ p · value over a row's two shelves, given each with the next item's.
template <int N>
static inline void put_mix(const float *p, const float *own_p, const T *const *values, int64_t num, int64_t own_num,
                           int64_t P, float scale, float *out) {
    lanes sum[N] = {};
    add_mix<N>(sum, p, values[0], values[1], num, P);
    add_mix<N>(sum, own_p, values[2], values[3], own_num, P);
    for (int n = 0; n < N; n++) {
        sum[n] *= scale;
        memcpy(out + n * LANES, &sum[n], sizeof(sum[n]));
    }
}

static inline float highest_of(const float *scores, int64_t num, float highest) {
#pragma omp simd reduction(max : highest)
    for (int64_t j = 0; j < num; j++) highest = larger(highest, scores[j]);
    return highest;
}

static inline float exponentiate(float *scores, int64_t num, float highest, float scale) {
    float total = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t j = 0; j < num; j++) {
        scores[j] = fast_exp((scores[j] - highest) * scale);
        total += scores[j];
    }
    return total;
}

// A head, normed where there is a weight (Qwen3), with its halves rotated by the position.
static inline void turn(const T *head, const float *weight, float eps, const float *cosine, const float *sine, float *out,
                        int64_t W) {
    float scale = 1;
    if (weight) {
        float squares = 0;
        for (int64_t w = 0; w < W; w++) squares += load(head[w]) * load(head[w]);
        scale = 1.0f / sqrtf(squares / W + eps);
    }
    int64_t half = W / 2;
    for (int64_t w = 0; w < half; w++) {
        float a = load(head[w]), b = load(head[w + half]);
        if (weight) {
            a *= scale * weight[w];
            b *= scale * weight[w + half];
        }
        out[w] = a * cosine[w] - b * sine[w];
        out[w + half] = b * cosine[w + half] + a * sine[w + half];
    }
}

extern "C" {

// x (A, D) += delta (may be null); normed = x / rms(x) · weight. Sums stay in fp32.
void add_norm(float *x, const T *delta, const float *weight, T *normed, int64_t A, int64_t D, float eps) {
#pragma omp parallel for schedule(static)
    for (int64_t a = 0; a < A; a++) {
        float *row = x + a * D, squares = 0;
        const T *more = delta + a * D;
        if (delta)
#pragma omp simd
            for (int64_t d = 0; d < D; d++) row[d] += load(more[d]);
#pragma omp simd reduction(+ : squares)
        for (int64_t d = 0; d < D; d++) squares += row[d] * row[d];
        float scale = 1.0f / sqrtf(squares / D + eps);
        T *out = normed + a * D;
#pragma omp simd
        for (int64_t d = 0; d < D; d++) store(out[d], row[d] * scale * weight[d]);
    }
}

// Keys and values of prompts (R, G, L, W), prompt i from place[i] = row · L + column on, to slot[i].
void keep_prompts(const T *k_rows, const T *v_rows, const int64_t *place, const int64_t *length, const int64_t *slot,
                  T *keys, T *values, int64_t num, int64_t G, int64_t L, int64_t W, int64_t S) {
    int64_t P = padded(W);
#pragma omp parallel for schedule(dynamic) collapse(2)
    for (int64_t i = 0; i < num; i++)
        for (int64_t g = 0; g < G; g++) {
            int64_t from = ((place[i] / L * G + g) * L + place[i] % L) * W, to = shelf(slot[i], g, G, S, P);
            for (int64_t j = 0; j < length[i]; j++) {
                put_key(keys + to, k_rows + from + j * W, j, W, P);
                memcpy((void *)(values + to + j * P), v_rows + from + j * W, W * sizeof(T));
            }
        }
}

// Row a stands in slot[a], has read `prompt_length` tokens (kept in slot `home` of the prompts) and `own_length` of its
// own; the projections (A, (H + 2G)·W) are those of its next token. Its key and value are kept, and `mixed` (A, H·W) is
// softmax(q · keys · scale) · values. What is read by slot: home, prompt_length, own_length.
void attend(const T *projected, const int64_t *slot, const int64_t *home, const int64_t *prompt_length,
            const int64_t *own_length, const float *cosine, const float *sine, const float *q_weight,
            const float *k_weight, const T *prompt_keys, const T *prompt_values, T *own_keys, T *own_values, T *mixed,
            int64_t A, int64_t H, int64_t G, int64_t W, int64_t prompt_S, int64_t own_S, float scale, float eps) {
    int64_t P = padded(W), share = H / G;
#pragma omp parallel for schedule(dynamic, 16)  // rows are of different lengths; in a run of items the next one is known
    for (int64_t item = 0; item < A * G; item++) {
        int64_t a = item / G, g = item % G, s = slot[a], read = prompt_length[s], own = own_length[s];
        const float *cos_a = cosine + (read + own) * W, *sin_a = sine + (read + own) * W;
        const T *row = projected + a * (H + 2 * G) * W;
        int64_t before = shelf(home[s], g, G, prompt_S, P), here = shelf(s, g, G, own_S, P);
        static thread_local std::vector<float> scratch;
        scratch.assign(2 * P + prompt_S + own_S, 0.0f);
        float *q = scratch.data(), *out = q + P, *scores = out + P, *own_scores = scores + prompt_S;

        int64_t next = item + 1 < A * G ? item + 1 : item, s2 = slot[next / G];
        int64_t before2 = shelf(home[s2], next % G, G, prompt_S, P), here2 = shelf(s2, next % G, G, own_S, P);

        turn(row + (H + g) * W, k_weight, eps, cos_a, sin_a, q, W);
        T *block = own_keys + here + own / LANES * LANES * P + own % LANES;
        for (int64_t w = 0; w < W; w++) store(block[w * LANES], q[w]);
        memcpy((void *)(own_values + here + own * P), row + (H + G + g) * W, W * sizeof(T));

        for (int64_t h = g * share; h < (g + 1) * share; h++) {
            turn(row + h * W, q_weight, eps, cos_a, sin_a, q, W);
            put_scores(q, prompt_keys + before, prompt_keys + before2, scores, read, P);
            put_scores(q, own_keys + here, own_keys + here2, own_scores, own + 1, P);
            float highest = highest_of(own_scores, own + 1, highest_of(scores, read, -INFINITY));
            float total = exponentiate(scores, read, highest, scale) + exponentiate(own_scores, own + 1, highest, scale);
            for (int64_t w = 0; w < P; w += 4 * LANES) {
                const int64_t rest = (P - w) / LANES;
                const T *values[] = {prompt_values + before + w, prompt_values + before2 + w, own_values + here + w,
                                     own_values + here2 + w};
                rest >= 4 ? put_mix<4>(scores, own_scores, values, read, own + 1, P, 1 / total, out + w)
                : rest == 3 ? put_mix<3>(scores, own_scores, values, read, own + 1, P, 1 / total, out + w)
                : rest == 2 ? put_mix<2>(scores, own_scores, values, read, own + 1, P, 1 / total, out + w)
                : put_mix<1>(scores, own_scores, values, read, own + 1, P, 1 / total, out + w);
            }
            T *to = mixed + (a * H + h) * W;
            for (int64_t i = 0; i < W; i++) store(to[i], out[i]);
        }
    }
}

// (A, 2F), the gates before the rest, to silu(gate) · up, (A, F).
void swiglu_rows(const T *gate_up, T *out, int64_t A, int64_t F) {
#pragma omp parallel for schedule(static)
    for (int64_t a = 0; a < A; a++) {
        const T *gate = gate_up + a * 2 * F, *up = gate + F;
        T *to = out + a * F;
#pragma omp simd
        for (int64_t f = 0; f < F; f++) {
            float g = load(gate[f]);
            store(to[f], g * sigmoid(g) * load(up[f]));
        }
    }
}

// The first token whose cumulative probability exceeds uniform[a] (the likeliest when `greedy`), and its log-probability
// under softmax(logits · inverse_temperature). Probabilities are summed in blocks of 256, the blocks in double.
void draw(const T *logits, const float *uniform, int64_t *token, float *logprob, int64_t A, int64_t V,
          float inverse_temperature, int64_t greedy) {
    const int64_t BLOCK = 256;
#pragma omp parallel for schedule(static)
    for (int64_t a = 0; a < A; a++) {
        const T *line = logits + a * V;
        float highest = -INFINITY;
#pragma omp simd reduction(max : highest)
        for (int64_t v = 0; v < V; v++) highest = larger(highest, load(line[v]));
        static thread_local std::vector<double> sums;
        sums.clear();
        double total = 0;
        for (int64_t start = 0; start < V; start += BLOCK) {
            int64_t end = start + BLOCK < V ? start + BLOCK : V;
            float sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t v = start; v < end; v++) sum += fast_exp((load(line[v]) - highest) * inverse_temperature);
            sums.push_back(sum);
            total += sum;
        }
        int64_t chosen = -1;
        if (greedy) {
            for (int64_t v = V - 1; v >= 0; v--)
                if (load(line[v]) == highest) chosen = v;
        } else {
            double left = uniform[a] * total;
            int64_t b = 0, last = (int64_t)sums.size() - 1;
            for (; b < last && left >= sums[b]; b++) left -= sums[b];
            // Rounding may lead past the end of a block: then its last possible token, or that of a block before it.
            for (; chosen < 0 && b >= 0; b--)
                for (int64_t v = b * BLOCK; v < V && v < (b + 1) * BLOCK && left >= 0; v++) {
                    float weight = fast_exp((load(line[v]) - highest) * inverse_temperature);
                    if (weight > 0) chosen = v;
                    left -= weight;
                }
        }
        if (chosen < 0) chosen = 0;  // no number among the logits: the log-probability says so
        token[a] = chosen;
        logprob[a] = (load(line[chosen]) - highest) * inverse_temperature - (float)log(total);
    }
}

}  // extern "C"
