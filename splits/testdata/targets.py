"""Writes targets.txt: class sizes by the formula of LDAM-DRW, exactly and in float64.

    python3 targets.py > targets.txt

Each line: type, largest class, factor, then the sizes by rank from exact integer
arithmetic; a size for which LDAM's int(float64) gives another number is written
exact/ldam.
"""


def ldam(kind, largest, beta, n, rank):
    factor = 1.0 / beta
    if kind == "exp":
        return int(largest * factor ** (rank / (n - 1.0)))
    return largest if rank < n // 2 else int(largest * factor)


def exact(kind, largest, beta, n, rank):
    if kind == "step":
        return largest if rank < n // 2 else largest // beta
    size = 0
    while (size + 1) ** (n - 1) * beta**rank <= largest ** (n - 1):
        size += 1
    return size


for kind in ("exp", "step"):
    for largest in (49, 60, 391, 905, 1000):
        for beta in (1, 2, 5, 10, 20, 32, 49, 50, 100, 200, 500, 1000):
            if beta > largest:
                continue
            for n in (2, 10, 15):
                sizes = []
                for rank in range(n):
                    e, l = exact(kind, largest, beta, n, rank), ldam(kind, largest, beta, n, rank)
                    sizes.append(str(e) if e == l else f"{e}/{l}")
                print(kind, largest, beta, *sizes)
