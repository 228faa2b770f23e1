// The newest step of many series, on a CPU: its attention to the steps in a cache, in one pass over
// keys and values; and all blocks of a small transformer, some series at a time, whose numbers do
// not leave the cache of the processor meanwhile.
//
// Built by `tst.io.native` for the processor at hand and called by `tst.models.transformer.newest`,
// which describes the arguments; float32 and float64. Results do not depend on the number of
// threads.

// Sums may be taken in any order: they are what this file computes, a vector at a time.
// What is no number stays none.
#pragma GCC optimize("-ffast-math", "-fno-finite-math-only")

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

// Let threads work on slices of n_tasks, and wait for them; a slice that finds no thread is worked
// on here. Returns whether memory sufficed: no exception leaves this file.
template <typename Work>
bool on_threads(long n_tasks, long n_threads, Work work) {
    n_threads = std::max(1L, std::min(n_threads, n_tasks));
    std::atomic<bool> sufficed{true};
    auto slice = [&](long i) {
        try {
            work(n_tasks * i / n_threads, n_tasks * (i + 1) / n_threads);
        } catch (const std::bad_alloc&) {
            sufficed = false;
        }
    };
    std::vector<std::thread> threads;
    long i = 1;
    try {
        threads.reserve(n_threads);
        for (; i < n_threads; i++) threads.emplace_back(slice, i);
    } catch (const std::exception&) {
        for (; i < n_threads; i++) slice(i);
    }
    slice(0);
    for (auto& thread : threads) thread.join();
    return sufficed;
}

// e^x for x <= 0, within 2 units of the last place: 2^n times a polynomial (Cephes) of the rest.
inline float exponential(float x) {
    x = std::max(x, -87.0f);
    const int32_t n = (int32_t)(x * 1.44269504f - 0.5f);  // the nearest: x is not above 0
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float y = r * 1.9875691500e-4f + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * r * r + r + 1.0f;
    int32_t bits;
    std::memcpy(&bits, &y, sizeof bits);
    bits += n << 23;
    std::memcpy(&y, &bits, sizeof y);
    return y;
}
inline double exponential(double x) { return std::exp(x); }

#ifdef __AVX512F__
constexpr int VECTOR_BYTES = 64;
#else
constexpr int VECTOR_BYTES = 32;
#endif

template <typename T>
struct Simd;
template <>
struct Simd<float> {
    typedef float vec __attribute__((vector_size(VECTOR_BYTES)));
    typedef int32_t index __attribute__((vector_size(VECTOR_BYTES)));
};
template <>
struct Simd<double> {
    typedef double vec __attribute__((vector_size(VECTOR_BYTES)));
    typedef int64_t index __attribute__((vector_size(VECTOR_BYTES)));
};
template <typename T>
constexpr int WIDTH = VECTOR_BYTES / sizeof(T);

template <typename T>
inline typename Simd<T>::vec load(const T* p) {
    typename Simd<T>::vec x;
    std::memcpy(&x, p, sizeof x);
    return x;
}

// Return sums of neighbours: those of a in the lower half, those of b in the upper one.
template <typename T>
inline typename Simd<T>::vec add_neighbours(typename Simd<T>::vec a, typename Simd<T>::vec b) {
    typename Simd<T>::index even;
    for (int i = 0; i < WIDTH<T>; i++) even[i] = 2 * i;
    return __builtin_shuffle(a, b, even) + __builtin_shuffle(a, b, even + 1);
}

// Return the products of a query with as many keys as a vector has numbers.
template <typename T, int SIZE>
inline typename Simd<T>::vec products(const typename Simd<T>::vec* query, const T* keys) {
    constexpr int W = WIDTH<T>;
    typename Simd<T>::vec sums[W];
    for (int t = 0; t < W; t++) {
        sums[t] = query[0] * load(keys + t * SIZE);
        for (int i = 1; i < SIZE / W; i++) sums[t] += query[i] * load(keys + t * SIZE + i * W);
    }
    for (int n = W / 2; n > 0; n /= 2)
        for (int t = 0; t < n; t++) sums[t] = add_neighbours<T>(sums[2 * t], sums[2 * t + 1]);
    return sums[0];
}

template <typename T, int SIZE>
void attend_row(const T* q, const T* keys, const T* values, T slope, long n_steps, T* weights,
                T* y) {
    using vec = typename Simd<T>::vec;
    constexpr int W = WIDTH<T>;
    constexpr int N = SIZE / W;
    vec query[N];
    for (int i = 0; i < N; i++) query[i] = load(q + i * W);
    long first = 0;
    for (; first + W <= n_steps; first += W) {
        const vec product = products<T, SIZE>(query, keys + first * SIZE);
        std::memcpy(weights + first, &product, sizeof product);
    }
    for (; first < n_steps; first++) {
        weights[first] = 0;
        for (int i = 0; i < SIZE; i++) weights[first] += q[i] * keys[first * SIZE + i];
    }
    T top = weights[0] -= slope * (n_steps - 1);
    for (long t = 1; t < n_steps; t++) {
        weights[t] -= slope * (n_steps - 1 - t);
        top = std::max(top, weights[t]);
    }
    T total = 0;
    for (long t = 0; t < n_steps; t++) {
        weights[t] = exponential(weights[t] - top);
        total += weights[t];
    }
    constexpr int WAYS = N > 2 ? 2 : 4;  // sums at a time: an addition takes some cycles
    vec sums[WAYS][N] = {};
    long t = 0;
    for (; t + WAYS <= n_steps; t += WAYS)
        for (int w = 0; w < WAYS; w++)
            for (int i = 0; i < N; i++)
                sums[w][i] += weights[t + w] * load(values + (t + w) * SIZE + i * W);
    for (; t < n_steps; t++)
        for (int i = 0; i < N; i++) sums[0][i] += weights[t] * load(values + t * SIZE + i * W);
    for (int i = 0; i < N; i++) {
        for (int w = 1; w < WAYS; w++) sums[0][i] += sums[w][i];
        sums[0][i] /= total;
        std::memcpy(y + i * W, &sums[0][i], sizeof(vec));
    }
}

template <typename T, int SIZE>
void attend_rows(const T* q, const T* keys, const T* values, const T* slopes, T* y, long first_row,
                 long last_row, long n_head, long row_steps, long n_steps) {
    std::vector<T> weights(n_steps);
    const T root = 1 / std::sqrt((T)SIZE);
    for (long row = first_row; row < last_row; row++) {
        T scaled[SIZE];
        for (int i = 0; i < SIZE; i++) scaled[i] = q[row * SIZE + i] * root;
        const long start = row * row_steps * SIZE;
        const T slope = slopes ? slopes[row % n_head] : 0;
        attend_row<T, SIZE>(scaled, keys + start, values + start, slope, n_steps, weights.data(),
                            y + row * SIZE);
    }
}

template <typename T>
bool attend(const T* q, const T* keys, const T* values, const T* slopes, T* y, long n_rows,
            long size, long n_head, long row_steps, long n_steps, long n_threads) {
    auto rows = size == 16   ? attend_rows<T, 16>
                : size == 32 ? attend_rows<T, 32>
                : size == 64 ? attend_rows<T, 64>
                             : attend_rows<T, 128>;
    return on_threads(n_rows, n_threads, [&](long first, long last) {
        rows(q, keys, values, slopes, y, first, last, n_head, row_steps, n_steps);
    });
}

constexpr long ROWS = 8;  // series that go through all blocks together: their sums fit in registers

// C (R, n_cols) = bias + A (R, n_inner) B (n_inner, n_cols), V vectors of columns from c on.
template <typename T, int R, int V>
inline void tile(long n_inner, long n_cols, const T* a, const T* b, const T* bias, T* c) {
    using vec = typename Simd<T>::vec;
    constexpr int W = WIDTH<T>;
    vec sums[R][V];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++) sums[r][v] = load(bias + v * W);
    for (long k = 0; k < n_inner; k++)
        for (int v = 0; v < V; v++) {
            const vec row = load(b + k * n_cols + v * W);
            for (int r = 0; r < R; r++) sums[r][v] += a[r * n_inner + k] * row;
        }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++)
            std::memcpy(c + r * n_cols + v * W, &sums[r][v], sizeof(vec));
}

// C (n_rows, n_cols) = bias + A (n_rows, n_inner) B (n_inner, n_cols).
template <typename T>
void multiply(long n_rows, long n_inner, long n_cols, const T* a, const T* b, const T* bias, T* c) {
    constexpr int W = WIDTH<T>;
    for (long j = 0; j < n_cols;) {
        const bool two = j + 2 * W <= n_cols;
        if (n_rows == ROWS) {
            auto all = two ? tile<T, ROWS, 2> : tile<T, ROWS, 1>;
            all(n_inner, n_cols, a, b + j, bias + j, c + j);
        } else {
            auto one = two ? tile<T, 1, 2> : tile<T, 1, 1>;
            for (long i = 0; i < n_rows; i++)
                one(n_inner, n_cols, a + i * n_inner, b + j, bias + j, c + i * n_cols + j);
        }
        j += two ? 2 * W : W;
    }
}

// x = LayerNorm(x + a), row by row.
template <typename T>
void add_norm(long n_rows, long n, T* x, const T* a, const T* weight, const T* bias, T epsilon) {
    for (long row = 0; row < n_rows; row++, x += n, a += n) {
        T mean = 0;
        for (long i = 0; i < n; i++) mean += x[i] += a[i];
        mean /= n;
        T variance = 0;
        for (long i = 0; i < n; i++) variance += (x[i] - mean) * (x[i] - mean);
        const T rate = 1 / std::sqrt(variance / n + epsilon);
        for (long i = 0; i < n; i++) x[i] = (x[i] - mean) * rate * weight[i] + bias[i];
    }
}

struct Sizes {
    long n_layer, n_series, n_head, size, d_ff, max_steps, step, first_step;
};
enum { QKV, QKV_BIAS, OUT, OUT_BIAS, LN_1, LN_1_BIAS, IN, IN_BIAS, FF, FF_BIAS, LN_2, LN_2_BIAS, N };

// x = x (1 + scale) + shift, row by row; the modulation of a row begins so far behind the last one's.
template <typename T>
void modulate(long n_rows, long n, T* x, const T* modulation, long stride) {
    for (long row = 0; row < n_rows; row++, x += n, modulation += stride)
        for (long i = 0; i < n; i++) x[i] += x[i] * modulation[i] + modulation[n + i];
}

// Take rows first to last of x (n_series, d_model) through all blocks; the cache
// (n_layer, 2, n_series * n_head, max_steps, size) gets their keys and values at `step`. The
// modulation, if any, is (n_series, n_layer, 2, d_model).
template <typename T, int SIZE>
void decode_rows(T* x, T* cache, const T* const* layers, const T* slopes, const T* modulation,
                 double epsilon, const Sizes& s, long first, long last) {
    const long width = s.n_head * SIZE;
    const long all_keys = s.n_series * s.n_head * s.max_steps * SIZE;
    const long n_seen = s.step + 1 - s.first_step;
    std::vector<T> qkv(ROWS * 3 * width), y(ROWS * width), a(ROWS * width), hidden(ROWS * s.d_ff);
    for (long row = first; row < last; row += ROWS) {
        const long n_rows = std::min(ROWS, last - row);
        T* h = x + row * width;
        for (long layer = 0; layer < s.n_layer; layer++) {
            const T* const* w = layers + layer * N;
            T* keys = cache + 2 * layer * all_keys;
            multiply(n_rows, width, 3 * width, h, w[QKV], w[QKV_BIAS], qkv.data());
            for (long i = 0; i < n_rows; i++) {
                const T* of_row = qkv.data() + i * 3 * width;
                const long start = (row + i) * s.n_head * s.max_steps * SIZE;
                for (long head = 0; head < s.n_head; head++) {
                    const long at = start + (head * s.max_steps + s.step) * SIZE;
                    const T* k = of_row + width + head * SIZE;
                    std::memcpy(keys + at, k, SIZE * sizeof(T));
                    std::memcpy(keys + all_keys + at, k + width, SIZE * sizeof(T));
                }
                const long seen = start + s.first_step * SIZE;
                attend_rows<T, SIZE>(of_row, keys + seen, keys + all_keys + seen, slopes,
                                     y.data() + i * width, 0, s.n_head, s.n_head, s.max_steps,
                                     n_seen);
            }
            multiply(n_rows, width, width, y.data(), w[OUT], w[OUT_BIAS], a.data());
            add_norm(n_rows, width, h, a.data(), w[LN_1], w[LN_1_BIAS], (T)epsilon);
            multiply(n_rows, width, s.d_ff, h, w[IN], w[IN_BIAS], hidden.data());
            for (T& number : hidden) number = std::max(number, (T)0);
            multiply(n_rows, s.d_ff, width, hidden.data(), w[FF], w[FF_BIAS], a.data());
            add_norm(n_rows, width, h, a.data(), w[LN_2], w[LN_2_BIAS], (T)epsilon);
            if (modulation) {
                const long of_series = s.n_layer * 2 * width;
                modulate(n_rows, width, h, modulation + row * of_series + layer * 2 * width,
                         of_series);
            }
        }
    }
}

template <typename T>
bool decode(T* x, T* cache, const T* const* layers, const T* slopes, const T* modulation,
            double epsilon, Sizes s, long n_threads) {
    auto rows = s.size == 16   ? decode_rows<T, 16>
                : s.size == 32 ? decode_rows<T, 32>
                : s.size == 64 ? decode_rows<T, 64>
                               : decode_rows<T, 128>;
    const long n_parts = (s.n_series + ROWS - 1) / ROWS;
    return on_threads(n_parts, n_threads, [&](long first, long last) {
        rows(x, cache, layers, slopes, modulation, epsilon, s, first * ROWS,
             std::min(last * ROWS, s.n_series));
    });
}

extern "C" bool decode_float32(float* x, float* cache, const float* const* layers,
                               const float* slopes, const float* modulation, double epsilon, Sizes sizes,
                               long n_threads) {
    return decode(x, cache, layers, slopes, modulation, epsilon, sizes, n_threads);
}
extern "C" bool decode_float64(double* x, double* cache, const double* const* layers,
                               const double* slopes, const double* modulation, double epsilon, Sizes sizes,
                               long n_threads) {
    return decode(x, cache, layers, slopes, modulation, epsilon, sizes, n_threads);
}

extern "C" bool attend_newest_float32(const float* q, const float* keys, const float* values,
                                      const float* slopes, float* y, long n_rows, long size,
                                      long n_head, long row_steps, long n_steps, long n_threads) {
    return attend(q, keys, values, slopes, y, n_rows, size, n_head, row_steps, n_steps, n_threads);
}
extern "C" bool attend_newest_float64(const double* q, const double* keys, const double* values,
                                      const double* slopes, double* y, long n_rows, long size,
                                      long n_head, long row_steps, long n_steps, long n_threads) {
    return attend(q, keys, values, slopes, y, n_rows, size, n_head, row_steps, n_steps, n_threads);
}
